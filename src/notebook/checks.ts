/** Statements that a notebook proves as it runs: what the kit computed against what a formula says. */
import { UserError } from '../errors';
import { publish } from './publish';
import { type Row, tableHtml, tableText } from './table';

/** Two numbers that must agree. */
export interface Equality {
  readonly what: string;
  readonly kit: number;
  readonly formula: number;
  /** Largest |kit − formula| as a share of max(|formula|, `scale`). Default 1e-5: float32 against float64. */
  readonly within?: number;
  /** Size that counts as one where the formula says 0. Default 0. */
  readonly scale?: number;
}

/** A number that must not be above another. */
export interface Bound {
  readonly what: string;
  readonly kit: number;
  readonly atMost: number;
}

export type Check = Equality | Bound;

function judge(check: Check): Row & { holds: string } {
  if ('atMost' in check) {
    const { what, kit, atMost } = check;
    return { what, 'the kit': kit, 'the formula': `≤ ${atMost}`, difference: '', holds: kit <= atMost ? 'yes' : 'no' };
  }
  const { what, kit, formula, within = 1e-5, scale = 0 } = check;
  const difference = Math.abs(kit - formula);
  const allowed = within * Math.max(Math.abs(formula), scale);
  return {
    what,
    'the kit': digits(kit),
    'the formula': digits(formula),
    difference: `${difference.toExponential(1)} (allowed ${allowed.toExponential(1)})`,
    holds: difference <= allowed ? 'yes' : 'no',
  };
}

const digits = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(7));

/**
 * Shows the checks as a table.
 * @throws UserError naming those that do not hold, also on NaN, so that a notebook with a wrong statement stops.
 */
export function showChecks(caption: string, checks: readonly Check[]): void {
  const rows = checks.map(judge);
  publish({ 'text/html': tableHtml(rows, { caption }), 'text/plain': tableText(rows, { caption }) });
  const broken = rows.filter((row) => row.holds !== 'yes');
  if (broken.length > 0) throw new UserError(`does not hold: ${broken.map((row) => row.what).join('; ')}`);
}
