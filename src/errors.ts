/**
 * An error the user can mend: bad input, a missing file, an option out of range.
 * The command line prints its message alone (no stack) and exits with code 1.
 * A good message names what was wrong, where (file, field), and what would be right.
 */
export class UserError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'UserError';
  }
}

/** A person stopped the work: nothing is wrong, and the exit code says so (130). */
export class Interrupted extends UserError {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Interrupted';
  }
}

/** Whether something thrown says that a person stopped the work; by name, as a process may hold several builds. */
export function isInterrupted(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'Interrupted';
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** `--help` was given: the text to print in place of running. */
export class HelpRequest extends Error {}
