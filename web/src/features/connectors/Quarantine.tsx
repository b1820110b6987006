import { ShieldAlert } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { acceptTool, dismissTool, type QuarantinedTool } from '../../api/connectors';
import { useMay } from '../../app/session';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { Json } from '../../ui/Json';
import { Pill } from '../../ui/State';
import { Time } from '../../ui/Time';
import css from './Connectors.module.css';

/** Tools that are not what was reviewed: nothing calls them until a person has read the difference. */
export function Quarantine({ tools }: { tools: QuarantinedTool[] }) {
  const { t } = useTranslation();
  if (tools.length === 0) return null;
  return (
    <section className={css.quarantine} aria-labelledby="quarantine">
      <h2 id="quarantine" className="heading"><ShieldAlert size={16} aria-hidden />{t('connectors.quarantine', { count: tools.length })}</h2>
      {tools.map((tool) => <Item key={tool.tool} tool={tool} />)}
    </section>
  );
}

function Item({ tool }: { tool: QuarantinedTool }) {
  const { t } = useTranslation();
  const may = useMay();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const act = async (action: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await action();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const back = tool.pinned_digest !== '' && tool.pinned_digest === tool.live_digest;
  return (
    <article className={css.item}>
      <div className="row wrap"><span className="mono strong">{tool.tool}</span><Pill tone="ask">{t(`connectors.kind.${tool.kind}`, { defaultValue: tool.kind })}</Pill><span className="grow" /><span className="xs muted"><Time at={tool.first_seen} as="relative" /></span></div>
      <div className={css.diff} tabIndex={0} role="region" aria-label={t('connectors.difference')}>{tool.lines.map((line, i) => <div key={i} data-sign={line.trimStart().charAt(0)}>{line}</div>)}</div>
      {tool.live && <details><summary className="link sm">{t('connectors.offered')}</summary><Json label={t('connectors.offered')} value={tool.live} /></details>}
      <Inline error={error} />
      {may('review_pins') && (
        <div className="row wrap">
          {back
            ? <Button busy={busy} onClick={() => void act(() => dismissTool(tool.tool))}>{t('connectors.dismiss')}</Button>
            : <Button look="primary" busy={busy} disabled={!tool.live_digest} onClick={() => void act(() => acceptTool(tool.tool, tool.live_digest))}>{t('connectors.accept')}</Button>}
          <span className="xs muted">{t('connectors.acceptText')} <span className="mono">{tool.live_digest.slice(0, 16)}</span></span>
        </div>
      )}
    </article>
  );
}
