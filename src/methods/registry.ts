/** All methods by name. Adding a method is adding its file and one line here; plugins call `registerMethod`. */
import { UserError } from '../errors';
import { adaLora } from './adalora';
import { dora } from './dora';
import { eva } from './eva';
import { full, fullTargets } from './full';
import { gora } from './gora';
import { lsLora } from './gora/ls-lora';
import { lora } from './lora';
import { loraFa } from './lora-fa';
import { loraGa } from './lora-ga';
import { loraOne } from './lora-one';
import { loraPlus } from './lora-plus';
import { loraPro } from './lora-pro';
import type { Method } from './method';
import { olora } from './olora';
import { pissa } from './pissa';
import { rsLora } from './rslora';

const registry = new Map<string, Method>();

/** @throws UserError when the name is taken. */
export function registerMethod(method: Method): void {
  if (registry.has(method.name)) throw new UserError(`a method named "${method.name}" is registered already`);
  registry.set(method.name, method);
}

const builtIn: readonly Method[] = [
  full,
  fullTargets,
  lora,
  rsLora,
  loraPlus,
  loraFa,
  dora,
  pissa,
  olora,
  adaLora,
  eva,
  loraOne,
  loraPro,
  loraGa,
  gora,
  lsLora,
];
for (const method of builtIn) registerMethod(method);

/** @throws UserError that lists the known names. */
export function findMethod(name: string): Method {
  const found = registry.get(name);
  if (!found) throw new UserError(`unknown method "${name}". Methods: ${[...registry.keys()].join(', ')}`);
  return found;
}

/** In order of registration. */
export const allMethods = (): Method[] => [...registry.values()];
