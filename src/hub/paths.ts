/** Which file names a repository or an archive may have here. */

const bytesOf = (text: string): number => Buffer.byteLength(text);

/**
 * Whether a name stays inside the folder it is joined to, on every system: relative, no `..`, no drive, no empty part,
 * nothing invisible.
 */
export function isSafePath(path: string): boolean {
  if (typeof path !== 'string' || path === '' || bytesOf(path) > 1024 || /\p{Cc}/u.test(path)) return false;
  return path
    .split(/[\\/]/)
    .every((part) => part !== '' && part !== '.' && part !== '..' && !/^[a-zA-Z]:/.test(part) && bytesOf(part) <= 255);
}
