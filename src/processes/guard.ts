/**
 * Other programs that end with this process, also when it is killed and can end nothing any more.
 *
 * A small Node process stands between the two: it starts the program, passes its signals down and its exit code up, and
 * looks every half second whether its own parent is still there. Unlike a pipe that closes, this needs nothing of the
 * program, and unlike Linux's PR_SET_PDEATHSIG it works everywhere.
 *
 * The go-between's program is text, so that it is the same from sources and from a build.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Time that a program has to end by itself when its parent is gone. */
const farewellMs = 3000;

const program = `
const { spawn } = require('node:child_process');
const [parent, kind, command, ...args] = process.argv.slice(1);
const group = kind === 'group' && process.platform !== 'win32';
let ending = false;
const child = spawn(command, args, { stdio: 'inherit', detached: group });
const kill = (signal) => {
  try {
    if (group) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {}
};
const orphaned = () => {
  if (process.platform !== 'win32') return process.ppid !== Number(parent);
  try { process.kill(Number(parent), 0); return false; } catch (error) { return error.code === 'ESRCH'; }
};
const watch = setInterval(() => {
  if (!orphaned()) return;
  clearInterval(watch);
  ending = true;
  kill('SIGTERM');
  setTimeout(() => kill('SIGKILL'), ${farewellMs}).unref();
}, 500);
const pass = (signal) => kill(group ? 'SIGKILL' : signal);
// a Ctrl-C reaches the program from the terminal; what becomes of it is for the program to say
process.on('SIGINT', () => {}).on('SIGTERM', pass).on('SIGHUP', pass);
child.on('error', (error) => { console.error(error.message); process.exit(127); });
child.on('exit', (code, signal) => {
  if (ending && group) kill('SIGKILL'); // those of its children that did not listen
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
`;

/**
 * The command line that runs a program through the go-between, to which signals and limits then go.
 * @param group the program leads a process group of its own, which ends with it: SIGTERM kills the whole group. Without,
 * signals are passed on as they are, and the program shares the terminal.
 */
export function guarded(command: string, args: readonly string[], { group = false } = {}): [string, string[]] {
  const own = ['-e', program, '--', String(process.pid), group ? 'group' : 'child'];
  return [process.execPath, [...own, command, ...args]];
}

/** A program's full path: itself when it names a folder, else looked up on `searchPath`. Null when there is none. */
export function findProgram(name: string, searchPath = process.env.PATH): string | null {
  const candidates = /[\\/]/.test(name)
    ? [name]
    : (searchPath ?? '').split(delimiter).flatMap((folder) => (folder ? [join(folder, name)] : []));
  const endings = process.platform === 'win32' ? ['', '.exe'] : [''];
  return candidates.flatMap((path) => endings.map((ending) => path + ending)).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
