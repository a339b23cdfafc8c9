/** What the generation tasks share: exercises that a checker marks, and the parts of a split. */
import type { Random } from '../../tensor/random';

export type Split = 'train' | 'validation' | 'test';

/** A prompt, a good answer, and a check that any good answer passes. */
export interface Exercise {
  /** Which template wrote it; no template belongs to two splits. */
  readonly template: string;
  readonly prompt: string;
  readonly answer: string;
  passes(response: string): boolean;
}

export interface ExerciseKind {
  readonly name: string;
  /** Tokens that hold every prompt with its answer and both marks. */
  readonly context: number;
  write(random: Random, split: Split): Exercise;
}

/** Different exercises of a split. */
export function writeExercises(kind: ExerciseKind, split: Split, random: Random, count: number): Exercise[] {
  const drawn = new Set<string>();
  const exercises: Exercise[] = [];
  while (exercises.length < count) {
    const exercise = kind.write(random, split);
    if (drawn.has(exercise.prompt)) continue;
    drawn.add(exercise.prompt);
    exercises.push(exercise);
  }
  return exercises;
}

/** A number as its digits, each a word: 12 → `1 2`. */
export const spell = (value: number): string => [...String(value)].join(' ');

/** Uniform integer, both ends included. */
export const from = (random: Random, low: number, high: number): number => low + random.int(high - low + 1);

/** `count` different items. */
export function pickSome<T>(random: Random, items: readonly T[], count: number): T[] {
  return random
    .permutation(items.length)
    .slice(0, count)
    .map((i) => items[i]);
}
