/**
 * Module paths of picture models: transformers 5 renamed what checkpoints, transformers 4 and this kit call
 * `vit.encoder.layer.0.attention.attention.query`. PEFT goes by the modules' paths, so an adapter fits one of the two.
 */

type Rule = readonly [from: RegExp, to: string];

const ATTENTION: readonly Rule[] = [
  [/\.attention\.attention\.query(?=\.|$)/, '.attention.q_proj'],
  [/\.attention\.attention\.key(?=\.|$)/, '.attention.k_proj'],
  [/\.attention\.attention\.value(?=\.|$)/, '.attention.v_proj'],
  [/\.attention\.output\.dense(?=\.|$)/, '.attention.o_proj'],
];
const MLP: readonly Rule[] = [
  [/\.intermediate\.dense(?=\.|$)/, '.mlp.fc1'],
  [/\.output\.dense(?=\.|$)/, '.mlp.fc2'],
  [/(^|\.)(vit|deit)\.encoder\.layer\./, '$1$2.layers.'],
];

const BACK_ATTENTION: readonly Rule[] = [
  [/\.attention\.q_proj(?=\.|$)/, '.attention.attention.query'],
  [/\.attention\.k_proj(?=\.|$)/, '.attention.attention.key'],
  [/\.attention\.v_proj(?=\.|$)/, '.attention.attention.value'],
  [/\.attention\.o_proj(?=\.|$)/, '.attention.output.dense'],
];
const BACK_MLP: readonly Rule[] = [
  [/\.mlp\.fc1(?=\.|$)/, '.intermediate.dense'],
  [/\.mlp\.fc2(?=\.|$)/, '.output.dense'],
  [/(^|\.)(vit|deit)\.layers\./, '$1$2.encoder.layer.'],
];

const apply = (name: string, rules: readonly Rule[]) =>
  rules.reduce((text, [from, to]) => text.replace(from, to), name);

/** A path, or the name of a tensor that begins with one, as transformers 5 has it. */
export function toTransformers5(name: string): string {
  if (/(^|\.)(vit|deit)\.encoder\.layer\.\d+\./.test(name)) return apply(name, [...ATTENTION, ...MLP]);
  return /(^|\.)dinov2\.encoder\.layer\.\d+\./.test(name) ? apply(name, ATTENTION) : name;
}

/** Undoes `toTransformers5`; names that are not of transformers 5 stay. */
export function fromTransformers5(name: string): string {
  if (/(^|\.)(vit|deit)\.layers\.\d+\./.test(name)) return apply(name, [...BACK_ATTENTION, ...BACK_MLP]);
  return /(^|\.)dinov2\.encoder\.layer\.\d+\./.test(name) ? apply(name, BACK_ATTENTION) : name;
}
