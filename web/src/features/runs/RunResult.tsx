import { ExternalLink, FileCheck2, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Run } from '../../api/runs';
import { choicesOf, resolve, titleOf, type Schema } from '../../ui/form/schema';
import { money } from '../../ui/format';
import { Json } from '../../ui/Json';
import { inWords } from '../../ui/problem';
import { Facts } from '../../ui/Table';
import { Words } from '../../ui/Words';
import css from './RunResult.module.css';

const isPlain = (value: unknown) => value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** What came out: values as facts, the rest as text. Nothing that an agent wrote is ever markup, nor where a link goes. */
export function RunResult({ run, schema }: { run: Run; schema: Schema }) {
  const { t } = useTranslation();
  if (run.failure) {
    const why = inWords(run.failure.kind, run.failure.detail);
    return (
      <section className={css.card} data-bad>
        <h2 className="heading row"><TriangleAlert size={16} aria-hidden />{t('run.failed')}</h2>
        <p className="break">{why.title}</p>
        {why.detail && <p className="break sm" lang="en">{why.detail}</p>}
        {run.failure.way_out && <p className="sm"><Words text={run.failure.way_out} /></p>}
        {(run.failure.node || run.failure.line) && <p className="xs mono">{[run.failure.node, run.failure.line].filter(Boolean).join(' · ')}</p>}
      </section>
    );
  }
  if (run.result === null || run.result === undefined) return null;
  const values = typeof run.result === 'object' && !Array.isArray(run.result) ? (run.result as Record<string, unknown>) : null;
  const plain = Object.entries(values ?? {}).filter(([, value]) => isPlain(value) && value !== null && value !== '');
  const nested = Object.values(values ?? {}).some((value) => !isPlain(value));
  return (
    <section className={css.card}>
      <h2 className="heading row"><FileCheck2 size={16} color="var(--allow)" aria-hidden />{t('run.result')}</h2>
      {!values && <p className="break">{isPlain(run.result) ? String(run.result) : JSON.stringify(run.result)}</p>}
      {plain.length > 0 && <Facts items={plain.map(([name, value]) => [titleOf(field(schema, name), name), <Value name={name} value={value} values={values!} schema={schema} run={run} />] as const)} />}
      {nested && <details><summary className="link sm">{t('run.allDetails')}</summary><Json value={run.result} label={t('run.result')} /></details>}
    </section>
  );
}

const field = (schema: Schema, name: string): Schema => resolve(resolve(schema, schema).properties?.[name] ?? {}, schema);

type ValueProps = { name: string; value: unknown; values: Record<string, unknown>; schema: Schema; run: Run };

/** A link only where whoever runs the platform has said where such documents open. */
function Value({ name, value, values, schema, run }: ValueProps) {
  const { t } = useTranslation();
  const text = typeof value === 'boolean' ? t(value ? 'run.yes' : 'run.no')
    : name === 'amount' && typeof values['currency'] === 'string' && values['currency'] ? money(String(value), values['currency'])
    : (choicesOf(field(schema, name))?.find((choice) => choice.value === value)?.label ?? String(value));
  const link = run.documents?.find((each) => each.field === name);
  if (!link) return <>{text}</>;
  return <a className={`link break ${css.link}`} href={link.url} target="_blank" rel="noopener noreferrer">{text}<ExternalLink size={12} aria-label={t('run.opensElsewhere')} /></a>;
}
