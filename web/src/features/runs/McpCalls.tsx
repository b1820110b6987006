import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ChevronRight, Plug } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { callsQuery, type CallView } from '../../api/calls';
import { useMay } from '../../app/session';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { Page } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import css from './RunPage.module.css';

/** Calls of an MCP client have a run id of their own, and no run of an agent behind it. */
export const isMcp = (run: string) => run.startsWith('mcp_');

/** What an MCP client called under one key: no agent's run, so there is no graph, but every call with its outcome. */
export function McpCalls({ id }: { id: string }) {
  const { t } = useTranslation();
  const may = useMay();
  const calls = useQuery(callsQuery({ run: id, state: 'all' }));
  const where = <span className="row wrap"><Link to="/runs" search={{}} className={css.up}>{t('nav.runs')}</Link><ChevronRight size={14} className="muted" aria-hidden /><span>{t('run.mcp')}</span></span>;
  return (
    <Page name={t('run.mcp')} title={where} actions={may('read_log') && <Link className="link sm" to="/log" search={{ q: `run:${id}` }}>{t('run.openLog')}</Link>}>
      {calls.isError ? <Failed error={calls.error} onRetry={() => void calls.refetch()} /> : calls.isPending ? <SkeletonRows rows={3} />
        : calls.data.items.length === 0 ? <Empty icon={Plug} title={t('run.mcp')} text={t('run.mcpNone')} />
        : (
          <>
            <p className={`sm ink2 ${css.mcp}`}>{t('run.mcpText')}</p>
            <Table<CallView> flush label={t('run.mcp')} rows={calls.data.items} rowKey={(call) => call.key} columns={[
              { id: 'what', head: t('run.call'), main: true, cell: (call) => <span>{call.sentence || call.tool} <span className="mono muted xs">{call.tool}</span></span> },
              { id: 'who', head: t('runs.startedBy'), wide: true, cell: (call) => <Person id={call.principal} small /> },
              { id: 'when', head: t('runs.started'), wide: true, cell: (call) => <Time at={call.proposed_at} /> },
              { id: 'state', head: t('run.state'), cell: (call) => <State name={call.outcome || call.state} /> },
              { id: 'approval', head: t('run.seeRequest'), hideHead: true, cell: (call) => call.approval && <Link className="link" to="/approvals" search={{ id: call.approval }}>{t('run.seeRequest')}</Link> },
            ]} />
          </>
        )}
    </Page>
  );
}
