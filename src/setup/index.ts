/** What the command line needs: `gora setup` without loading TensorFlow, `gora doctor` with it. */
export { runSetup } from './setup';

export async function runDoctor(argv: readonly string[]): Promise<number> {
  return (await import('./doctor')).runDoctor(argv);
}
