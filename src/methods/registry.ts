/** All methods by name. Adding a method is adding its file and one line here; plugins call `registerMethod`. */
import { UserError } from '../errors';
import { full, fullTargets } from './full';
import { gora } from './gora';
import { lora } from './lora';
import { loraFa } from './lora-fa';
import { loraGa } from './lora-ga';
import { loraPlus } from './lora-plus';
import type { Method } from './method';
import { rsLora } from './rslora';

const registry = new Map<string, Method>();

/** @throws UserError when the name is taken. */
export function registerMethod(method: Method<never>): void {
  if (registry.has(method.name)) throw new UserError(`a method named "${method.name}" is registered already`);
  registry.set(method.name, method as unknown as Method);
}

for (const method of [full, fullTargets, lora, rsLora, loraPlus, loraFa, loraGa, gora])
  registerMethod(method as unknown as Method<never>);

/** @throws UserError that lists the known names. */
export function findMethod(name: string): Method {
  const found = registry.get(name);
  if (!found) throw new UserError(`unknown method "${name}". Methods: ${[...registry.keys()].join(', ')}`);
  return found;
}

/** In order of registration. */
export const allMethods = (): Method[] => [...registry.values()];
