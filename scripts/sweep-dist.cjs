/** Removes from dist/ what no source in src/ makes any more: a file left behind would shadow a folder of its name. */
'use strict';
const { existsSync, readdirSync, rmSync } = require('node:fs');
const { join, resolve } = require('node:path');

const made = /\.(?:js|js\.map|d\.ts)$/;

/** @param root folder with src/ and dist/ */
function sweepDist(root) {
  const dist = join(root, 'dist');
  for (const file of readdirSync(dist, { recursive: true })) {
    const name = String(file);
    if (made.test(name) && !existsSync(join(root, 'src', name.replace(made, '.ts')))) rmSync(join(dist, name));
  }
}

module.exports = { sweepDist };
if (require.main === module) sweepDist(resolve(__dirname, '..'));
