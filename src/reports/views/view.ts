/** What a plan shows: tables and figures made from its outcomes. */
import type { Plan } from '../../experiments/plan';
import type { PlanResult } from '../../experiments/plan-runs';
import type { Figure } from '../figure';
import type { Table } from '../table';

/** Tables of one view; none where the plan has nothing to show in it. */
export interface TableView {
  make(plan: Plan, result: PlanResult): Table[];
  /** What each file shows, by the table's name, for the index of results. */
  readonly files: Readonly<Record<string, string>>;
}

/** Figures of one view; none where the plan has nothing to show in it. */
export interface FigureView {
  make(plan: Plan, result: PlanResult): Figure[];
  /** What each file shows, by the figure's name. */
  readonly files: Readonly<Record<string, string>>;
}
