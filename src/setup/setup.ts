/** `gora setup`: native TensorFlow and Jupyter, each only where it is missing. Safe to interrupt and to run again. */
import { UserError } from '../errors';
import { projectRoot } from '../project';
import { checkJupyter, setupJupyter } from './jupyter';
import { checkNative, setupNative } from './native';

const FLAGS = ['--native-only', '--jupyter-only', '--check', '--help'] as const;

const HELP = `Usage: gora setup [--native-only | --jupyter-only] [--check]

Makes native TensorFlow run (kept in .native/) and installs Jupyter (into .venv/), each only where missing.
  --native-only    TensorFlow only
  --jupyter-only   Jupyter only
  --check          change nothing; exit 0 when everything asked for is there, 1 otherwise
`;

/**
 * @param argv the words after `setup`
 * @returns the exit status: 0 when everything asked for is there. Without `--check` a machine on which only
 *   WebAssembly or only the headless notebook runner is left still counts as set up, with a loud line.
 */
export async function runSetup(argv: readonly string[]): Promise<number> {
  const unknown = argv.find((word) => !(FLAGS as readonly string[]).includes(word));
  if (unknown !== undefined) throw new UserError(`setup: unknown option ${unknown}; known are ${FLAGS.join(', ')}`);
  if (argv.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const check = argv.includes('--check');
  const only = (['native', 'jupyter'] as const).filter((part) => argv.includes(`--${part}-only`));
  if (only.length === 2) throw new UserError('setup: --native-only and --jupyter-only exclude each other');
  const parts = only.length === 1 ? only : (['native', 'jupyter'] as const);

  const root = projectRoot();
  const print = (line: string) => process.stdout.write(`${line}\n`);
  let complete = true;
  for (const part of parts) {
    const say = (line: string) => print(`  ${part}: ${line}`);
    const result =
      part === 'native'
        ? await (check ? checkNative(root) : setupNative(root, say))
        : await (check ? checkJupyter(root) : setupJupyter(root, say));
    complete &&= result.ok;
    print(`${result.ok ? 'ok  ' : 'MISS'} ${result.line}`);
    if (!result.ok && part === 'native') print('     everything runs on WebAssembly instead, several times slower');
    if (!result.ok && part === 'jupyter') print('     notebooks still run headless');
  }
  return check && !complete ? 1 : 0;
}
