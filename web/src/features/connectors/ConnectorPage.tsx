import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ArrowLeft, FlaskConical, KeyRound, OctagonX } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { checkConnector, connectorQuery, healthQuery, quarantineQuery, type ToolView } from '../../api/connectors';
import { useMay } from '../../app/session';
import { Button } from '../../ui/Button';
import { Failed, SkeletonRows } from '../../ui/Feedback';
import { duration } from '../../ui/format';
import { Column, Page, Section } from '../../ui/Page';
import { toastProblem } from '../../ui/problem';
import { State } from '../../ui/State';
import { Facts, Table } from '../../ui/Table';
import { toast } from '../../ui/toast';
import { Quarantine } from './Quarantine';
import { TryDialog } from './TryDialog';

const StopDialog = lazy(() => import('../stop/StopDialog'));

export function ConnectorPage() {
  const { t } = useTranslation();
  const { connector: name } = useParams({ from: '/connectors/$connector' });
  const may = useMay();
  const connector = useQuery(connectorQuery(name));
  const health = useQuery({ ...healthQuery, enabled: may('read_connectors') }).data?.find((each) => each.connector === name);
  const waiting = useQuery({ ...quarantineQuery, enabled: may('read_connectors') }).data?.filter((each) => each.connector === name) ?? [];
  const [trying, setTrying] = useState<ToolView | null>(null);
  const [stopping, setStopping] = useState(false);
  const [busy, setBusy] = useState(false);
  const check = async () => {
    setBusy(true);
    try {
      const found = await checkConnector(name);
      toast(found.detail || t(`state.${found.state}`), found.state);
    } catch (problem) {
      toastProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  const title = connector.data?.title ?? name;
  return (
    <Page name={title} title={<span className="row"><Link to="/connectors" className="row muted" aria-label={t('nav.connectors')}><ArrowLeft size={15} aria-hidden /></Link>{title}</span>}
      beside={health && <State name={health.state} />}
      actions={connector.data && <><Button busy={busy} onClick={() => void check()}>{t('connectors.checkOne')}</Button>{may('freeze') && <Button look="deny" icon={<OctagonX size={14} aria-hidden />} onClick={() => setStopping(true)}>{t('nav.stop')}</Button>}</>}>
      {connector.isError ? <Failed error={connector.error} onRetry={() => void connector.refetch()} /> : !connector.data ? <SkeletonRows rows={8} /> : (
        <Column>
          <p className="ink2">{connector.data.description}</p>
          <Quarantine tools={waiting} />
          <Facts items={[
            !!health && [t('connectors.health'), [health.detail, health.milliseconds != null ? duration(health.milliseconds) : ''].filter(Boolean).join(' · ') || t(`state.${health.state}`)],
            [t('connectors.credentials'), connector.data.credentials.length ? <span className="row wrap"><KeyRound size={13} aria-hidden />{connector.data.credentials.map((each) => <code key={each} className="mono">{each}</code>)}</span> : t('common.none')],
          ]} />
          <Section title={t('agents.tools')}>
            <Table<ToolView> label={t('agents.tools')} rows={connector.data.tool_list} rowKey={(tool) => tool.name} columns={[
              { id: 'name', head: t('agents.tool'), cell: (tool) => <span className="mono">{tool.name}</span> },
              { id: 'what', head: t('agents.what'), wide: true, cell: (tool) => <span className="ink2">{tool.description.split(/(?<=[.。])\s/)[0]}</span> },
              { id: 'effect', head: t('agents.effect'), cell: (tool) => <State name={tool.effect} quiet={tool.effect === 'read'} /> },
              { id: 'delivery', head: t('connectors.delivery'), wide: true, cell: (tool) => <span title={t(`connectors.deliveryText.${tool.delivery}`)}>{t(`connectors.deliveries.${tool.delivery}`)}</span> },
              { id: 'pin', head: t('connectors.pin'), cell: (tool) => <State name={tool.pin} quiet={tool.pin === 'pinned'} /> },
              { id: 'try', head: t('connectors.try'), hideHead: true, end: true, cell: (tool) => tool.effect === 'read' && tool.pin === 'pinned' && may('try_tools') && <Button small icon={<FlaskConical size={13} aria-hidden />} onClick={() => setTrying(tool)}>{t('connectors.try')}</Button> },
            ]} />
          </Section>
        </Column>
      )}
      {trying && <TryDialog tool={trying} onClose={() => setTrying(null)} />}
      <Suspense>{stopping && <StopDialog scope="connector" name={name} onClose={() => setStopping(false)} />}</Suspense>
    </Page>
  );
}
