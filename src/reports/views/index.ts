/** The views that plans name, and what a plan shows. A new analysis is its file and one line here. */
import { UserError } from '../../errors';
import type { Plan } from '../../experiments/plan';
import type { PlanResult } from '../../experiments/plan-runs';
import type { Figure } from '../figure';
import type { Table } from '../table';
import { convergenceCurvesView, convergenceView } from './convergence';
import { exactMatchView } from './exact-match';
import { lossView, metricView, ranksView } from './figures';
import { learningRateCurvesView } from './learning-rate-curves';
import { methodsView } from './methods';
import { publishedView } from './published';
import { rankAgreementView, ranksByModelView } from './rank-agreement';
import { ratesView } from './rates';
import type { FigureView, TableView } from './view';

export const tableViews: Readonly<Record<string, TableView>> = {
  methods: methodsView,
  'learning-rates': ratesView,
  published: publishedView,
  convergence: convergenceView,
  'exact-match': exactMatchView,
  'rank-agreement': rankAgreementView,
};

export const figureViews: Readonly<Record<string, FigureView>> = {
  metric: metricView,
  loss: lossView,
  ranks: ranksView,
  'ranks-by-model': ranksByModelView,
  'convergence-curves': convergenceCurvesView,
  'learning-rate-curves': learningRateCurvesView,
};

const defaults = { tables: ['methods', 'learning-rates'], figures: ['metric', 'loss', 'ranks'] };

function pick<T>(views: Readonly<Record<string, T>>, names: readonly string[], plan: Plan): T[] {
  return names.map((name) => {
    if (Object.hasOwn(views, name)) return views[name];
    throw new UserError(`comparison ${plan.name}: unknown view "${name}". Views: ${Object.keys(views).join(', ')}`);
  });
}

/** The plan's tables; published figures, where it names any, are the last. @throws UserError for an unknown view. */
export function planTables(plan: Plan, result: PlanResult): Table[] {
  const names = [...(plan.view?.tables ?? defaults.tables), ...(plan.published ? ['published'] : [])];
  return pick(tableViews, [...new Set(names)], plan).flatMap((view) => view.make(plan, result));
}

/** The plan's figures. @throws UserError for an unknown view. */
export function planFigures(plan: Plan, result: PlanResult): Figure[] {
  return pick(figureViews, plan.view?.figures ?? defaults.figures, plan).flatMap((view) => view.make(plan, result));
}

/** What a file of a plan's folder shows, by its name without extension; null for one that no view makes. */
export function aboutFile(name: string): string | null {
  for (const { files } of [...Object.values(tableViews), ...Object.values(figureViews)]) {
    if (Object.hasOwn(files, name)) return files[name];
  }
  return null;
}
