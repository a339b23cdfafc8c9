/** What each part of LoRA-GA does. */
import type { Plan } from '../plan';

export const loraGaAblations: readonly Plan[] = [];
