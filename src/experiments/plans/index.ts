/**
 * The comparisons that `gora reproduce` knows. An edited plan keeps the records that still fit; run it again before its
 * tables are committed.
 */
import { UserError } from '../../errors';
import { checkPlan, type Plan } from '../plan';
import { goraAblations } from './ablations-gora';
import { loraGaAblations } from './ablations-lora-ga';
import { convergencePlans } from './convergence';
import { firstPlans } from './first';
import { rankPlans } from './rank-distribution';
import { trackPlans } from './tracks';

const registry = new Map<string, Plan>();

/** @throws UserError when the name is taken or the plan contradicts itself. */
export function registerPlan(plan: Plan): void {
  if (registry.has(plan.name)) throw new UserError(`a comparison named "${plan.name}" is registered already`);
  checkPlan(plan);
  registry.set(plan.name, plan);
}

for (const plan of [
  ...firstPlans,
  ...trackPlans,
  ...goraAblations,
  ...loraGaAblations,
  ...convergencePlans,
  ...rankPlans,
])
  registerPlan(plan);

/** In order of registration. */
export const allPlans = (): Plan[] => [...registry.values()];

/** @throws UserError that lists the known names. */
export function findPlan(name: string): Plan {
  const found = registry.get(name);
  if (!found) throw new UserError(`unknown comparison "${name}". Comparisons: ${[...registry.keys()].join(', ')}`);
  return found;
}
