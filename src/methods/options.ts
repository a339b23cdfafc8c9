/** Options that most methods share, with their defaults. */
import { z } from 'zod';

export const rankOption = z.int().positive().default(8).describe('rank r (GoRA: reference rank)');
export const alphaOption = z.number().positive().default(16).describe('α of the scale α/r or α/√r');
