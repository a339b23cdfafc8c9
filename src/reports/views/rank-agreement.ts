/** Ranks over seeds and cases: agreement and means by matrix type. */
import { labelled } from '../../experiments/outcomes';
import { rankAgreementTable, rankTypeTable, taskAgreementTable } from '../rank-agreement';
import type { Table } from '../table';
import type { TableView } from './view';

export const rankAgreementView: TableView = {
  make: (_plan, { outcomes }) => {
    const records = labelled(outcomes);
    const tables = [rankTypeTable(records), rankAgreementTable(records), taskAgreementTable(records)];
    return tables.filter((table): table is Table => table !== null);
  },
  files: {
    'rank-types': 'mean rank of each kind of matrix, mean ± sd over seeds',
    'rank-agreement': 'Spearman’s correlation of ranks and importances between seeds',
    'rank-agreement-tasks': 'the same between cases on one model',
  },
};
