/**
 * `config.json` as Hugging Face writes it. An architecture's schema names the keys that its computation depends on;
 * a key that asks for a computation it does not have is an error, and a key that nobody knows is reported.
 */
import { z } from 'zod';
import { UserError } from '../errors';

export const count = z.int().positive();
export const token = z.int().nonnegative();

/** A key that may be there with these values only; any other would change the computation. */
export const only = <T extends string | number | boolean | null>(...values: T[]) =>
  z
    .unknown()
    .refine((value) => value === undefined || values.includes(value as T), {
      message: `must be ${values.map((value) => JSON.stringify(value)).join(' or ')}: anything else changes the computation and is not supported`,
    })
    .optional();

/** Keys that say nothing about the computation of a forward pass without dropout. */
const HARMLESS = new RegExp(
  `^(_.*|architectures|auto_map|transformers_version|transformers\\.js_config|dtype|torch_dtype|use_cache|id2label|label2id|num_labels|problem_type|` +
    'finetuning_task|bos_token_id|eos_token_id|pad_token_id|sep_token_id|cls_token_id|unk_token_id|decoder_start_token_id|' +
    'initializer_(range|factor)|.*(dropout|drop|pdrop).*|gradient_checkpointing|output_(attentions|hidden_states|past)|' +
    'return_dict|torchscript|pruned_heads|task_specific_params|chunk_size_feed_forward|is_encoder_decoder|is_decoder|' +
    'add_cross_attention|cross_attention_hidden_size|tokenizer_class|prefix|remove_invalid_values|.*length_penalty|' +
    '(max|min)_length|do_sample|early_stopping|num_beams?|num_beam_groups|diversity_penalty|temperature|top_[kp]|typical_p|' +
    'repetition_penalty|no_repeat_ngram_size|encoder_no_repeat_ngram_size|bad_words_ids|num_return_sequences|' +
    'output_scores|return_dict_in_generate|forced_(bos|eos)_token_id|exponential_decay_length_penalty|suppress_tokens|' +
    'begin_suppress_tokens|sep_token_id|use_bfloat16|tf_legacy_loss|encoder_stride|pooler_.*|layerdrop|unsloth_.*|model_type)$',
);

/**
 * Checks a configuration. @param json the parsed `config.json`.
 * @param source named in errors, e.g. the file's path.
 * @param warn told of keys that are set and that the architecture does not know.
 * @throws UserError naming the key that is missing, wrong, or asks for another computation.
 */
export function parseConfig<S extends z.ZodObject>(
  schema: S,
  json: Readonly<Record<string, unknown>>,
  source: string,
  warn: (message: string) => void = () => {},
): z.infer<S> {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new UserError(`${source}: ${path.join('.') || 'the file'}: ${message}`);
  }
  const unset = (value: unknown) =>
    value === null || value === false || (typeof value === 'object' && Object.keys(value as object).length === 0);
  const strange = Object.keys(json).filter((key) => !(key in schema.shape) && !HARMLESS.test(key) && !unset(json[key]));
  if (strange.length > 0) warn(`${source}: these keys are not known here and were not used: ${strange.join(', ')}`);
  return parsed.data;
}
