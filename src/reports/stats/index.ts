/** Statistics of the reports: float64, checked against scipy (scripts/goldens/stats.py). */
export { averageRanks, mean, median, quantile, ranksOf, sd, spearman } from './describe';
export { normalSurvival, tCdf, tQuantile, tSurvival } from './distributions';
export {
  holm,
  type PairedT,
  pairedT,
  type Summary,
  summarise,
  type Wilcoxon,
  wilcoxon,
} from './tests';
