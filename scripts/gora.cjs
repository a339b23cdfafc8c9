#!/usr/bin/env node
/**
 * Starts the `gora` command from a checkout: compiles src/ to dist/ when dist/ is missing or older than a source,
 * then hands over to dist/cli.js. Silent when there is nothing to build.
 */
'use strict';
const {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} = require('node:fs');
const { join, resolve } = require('node:path');
const { spawnSync } = require('node:child_process');
const { sweepDist } = require('./sweep-dist.cjs');

const root = resolve(__dirname, '..');
const dist = join(root, 'dist');
const cli = join(dist, 'cli.js');
const stamp = join(dist, '.tsbuildinfo');
const lock = join(dist, '.building');

function isStale() {
  if (!existsSync(cli) || !existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  const src = join(root, 'src');
  const inputs = ['tsconfig.json', 'tsconfig.build.json'].map((name) => join(root, name));
  inputs.push(src);
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    // A folder's time changes when a source in it is removed or renamed.
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isDirectory() || entry.name.endsWith('.ts')) inputs.push(path);
  }
  return inputs.some((path) => statSync(path).mtimeMs > built);
}

function compile() {
  let tsc;
  try {
    tsc = require.resolve('typescript/bin/tsc', { paths: [root] });
  } catch {
    console.error('gora: node_modules is missing or has no TypeScript: run `npm ci`');
    return false;
  }
  console.error('gora: compiling src/ to dist/');
  // The stamp is tsc's memory of what it has written: it must not outlive a deleted dist/cli.js.
  if (!existsSync(cli)) rmSync(stamp, { force: true });
  const started = new Date();
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
  if (status !== 0) {
    rmSync(stamp, { force: true });
    console.error('gora: src/ does not compile, see above');
    return false;
  }
  sweepDist(root);
  // tsc leaves the stamp alone when no output changed; a source saved meanwhile must still count as newer.
  utimesSync(stamp, started, started);
  return true;
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Takes the lock, or waits for the process that has it and returns false. */
function takeLock() {
  mkdirSync(dist, { recursive: true });
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  let holder = 0;
  try {
    holder = Number(readFileSync(lock, 'utf8'));
  } catch {
    return false;
  }
  if (holder > 0 && !isRunning(holder)) rmSync(lock, { force: true });
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  return false;
}

while (isStale()) {
  if (!takeLock()) continue;
  let done = false;
  try {
    done = !isStale() || compile();
  } finally {
    rmSync(lock, { force: true });
  }
  if (!done) process.exit(1);
}
require(cli)
  .main(process.argv.slice(2))
  .then((code) => {
    process.exitCode = code;
  });
