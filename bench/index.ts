/** `npm run bench -- [steps | preparation | …] [flags]`: one benchmark; without a name the table of training steps. */
import { spawnSync } from 'node:child_process';
import { kitCommand } from './peers';

const SCRIPTS: Readonly<Record<string, string>> = {
  steps: 'run.ts',
  preparation: 'preparation.ts',
  generation: 'generation.ts',
  loading: 'loading.ts',
  startup: 'startup.ts',
  growth: 'growth.ts',
  limits: 'limits.ts',
  batches: 'batches.ts',
  'seven-b': 'seven-b.ts',
  methods: 'methods.ts',
  backends: 'backends.ts',
};

const [first = 'steps', ...rest] = process.argv.slice(2);
const [name, args] = first.startsWith('--') ? ['steps', [first, ...rest]] : [first, rest];
const script = SCRIPTS[name];
if (!script) {
  console.error(`no benchmark is named "${name}"; choose one of ${Object.keys(SCRIPTS).join(', ')}`);
  process.exit(1);
}
const [program, ...command] = kitCommand(script, ...args);
process.exit(spawnSync(program, command, { stdio: 'inherit' }).status ?? 1);
