/** `npm start`: builds the kit, writes the kernelspec and opens Jupyter on the notebooks. */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../errors';
import { guarded } from '../processes/guard';
import { projectRoot } from '../project';
import { onPath } from '../setup/machine';
import { writeKernelspec } from './kernelspec';

export interface JupyterCommand {
  program: string;
  args: string[];
  /** Added to the environment. */
  env: Record<string, string>;
}

const missing =
  'No Jupyter found. Add one to this project with `npm run setup`, ' +
  'or run the notebooks without it: `npx gora notebook run notebooks/NAME.ipynb`.';

/** JupyterLab or Jupyter Notebook: the project's own (`.venv`) first, then the PATH. Null when there is none. */
export function findJupyter(root: string = projectRoot()): string | null {
  const names = ['jupyter-lab', 'jupyter-notebook'];
  const own = names.map((name) =>
    process.platform === 'win32'
      ? path.join(root, '.venv', 'Scripts', `${name}.exe`)
      : path.join(root, '.venv', 'bin', name),
  );
  return own.find((file) => existsSync(file)) ?? names.map(onPath).find((file) => file !== null) ?? null;
}

/**
 * What to run: the server's root is the project (charts load plotly from there), its first page `notebooks/`.
 * @throws UserError when `argv` would open the server to others: its address and its token are fixed.
 */
export function jupyterCommand(program: string, argv: readonly string[], root: string = projectRoot()): JupyterCommand {
  refuseExposure(argv);
  const lab = path.basename(program).startsWith('jupyter-lab');
  const page = `${lab ? '/lab' : ''}/tree/notebooks`;
  // The class that reads the first page differs between JupyterLab, Notebook 7 and the classic Notebook 6.
  const classes = lab ? ['LabApp'] : ['JupyterNotebookApp', 'NotebookApp'];
  const pages = classes.map((name) => `--${name}.default_url=${page}`);
  const inherited = process.env.JUPYTER_PATH;
  const jupyterPath = path.join(root, '.jupyter') + (inherited ? path.delimiter + inherited : '');
  return {
    program,
    args: [`--notebook-dir=${root}`, ...pages, '--ip=127.0.0.1', ...argv],
    env: { JUPYTER_PATH: jupyterPath },
  };
}

function refuseExposure(argv: readonly string[]): void {
  const exposing = /^--(\w+\.)?(ip|token|password|hashed_password|allow_remote_access|disable_check_xsrf)\b/i;
  const argument = argv.find((one) => exposing.test(one));
  if (argument === undefined) return;
  throw new UserError(
    `${argument.split('=')[0]} is not taken: Jupyter listens on 127.0.0.1 and asks for its token. ` +
      'To work from afar use an SSH tunnel: ssh -L 8888:127.0.0.1:8888 HOST',
  );
}

/**
 * Builds, then runs Jupyter until it ends; `argv` is passed on (`--no-browser`, `--port=8890`).
 * Resolves to the exit code; 1 when there is no Jupyter or the build fails.
 */
export async function startJupyter(argv: string[], root: string = projectRoot()): Promise<number> {
  refuseExposure(argv);
  const program = findJupyter(root);
  if (program === null) {
    console.error(missing);
    return 1;
  }
  const command = jupyterCommand(program, argv, root);
  if (!build(root)) return 1;
  writeKernelspec(root);
  const child = spawn(...guarded(command.program, command.args), {
    cwd: root,
    env: { ...process.env, ...command.env },
    stdio: 'inherit',
  });
  // A Ctrl-C reaches Jupyter too, which asks before it stops; wait for its answer.
  const ignore = () => {};
  const end = () => child.kill('SIGTERM');
  process.on('SIGINT', ignore).on('SIGTERM', end);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', end);
  }
}

/** Compiles `src/` to `dist/`, which notebooks import. Without a compiler an earlier build will do. */
function build(root: string): boolean {
  let compiler: string;
  try {
    compiler = require.resolve('typescript/bin/tsc');
  } catch {
    if (existsSync(path.join(root, 'dist', 'index.js'))) return true;
    console.error('The kit is not built and TypeScript is missing: run `npm install`, then try again.');
    return false;
  }
  const project = path.join(root, 'tsconfig.build.json');
  const built: SpawnSyncReturns<Buffer> = spawnSync(...guarded(process.execPath, [compiler, '-p', project]), {
    stdio: 'inherit',
  });
  if (built.status !== 0) console.error('The kit does not compile; see above.');
  return built.status === 0;
}
