/** What each part of GoRA does. */
import type { Plan } from '../plan';

export const goraAblations: readonly Plan[] = [];
