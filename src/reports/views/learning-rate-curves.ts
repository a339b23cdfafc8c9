/** The primary metric against the learning rate, where the cases of a plan are learning rates. */
import { labelled } from '../../experiments/outcomes';
import { learningRateCurves } from '../charts/learning-rates';
import type { FigureView } from './view';

export const learningRateCurvesView: FigureView = {
  make: (_plan, { outcomes }) => [learningRateCurves(labelled(outcomes))],
  files: { 'learning-rate-curves': 'the primary metric against the learning rate, mean ± sd over seeds' },
};
