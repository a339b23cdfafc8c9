/** All weights of a safetensors file in memory. */
import { openSafetensors } from '../../src/formats/safetensors';
import type { HostTensor } from '../../src/formats/weights';

/** Float32 values by name, in the file's order. */
export function weightsIn(path: string): Map<string, HostTensor> {
  const file = openSafetensors(path);
  const weights = file.names.map((name): [string, HostTensor] => [
    name,
    { shape: file.shape(name), data: file.read(name) },
  ]);
  file.close();
  return new Map(weights);
}
