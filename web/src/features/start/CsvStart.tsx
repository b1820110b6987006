import { useNavigate } from '@tanstack/react-router';
import { FileSpreadsheet, Play } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Agent } from '../../api/agents';
import { checkRows, startRows } from '../../api/runs';
import type { Schemas } from '../../api/client';
import { wordedAtField } from '../../i18n/sentences';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { resolve, titleOf, type Schema } from '../../ui/form/schema';
import { Table, type Column } from '../../ui/Table';
import { toast } from '../../ui/toast';
import { parse, type Parsed } from './csv';
import css from './Start.module.css';

type Problem = Schemas['RowProblem'];
const SHOWN = 200;

/** One run for each row of a CSV: read here, checked by the server, shown with its problems, then started as a whole. */
export function CsvStart({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const schema = agent.input_schema as Schema;
  const [parsed, setParsed] = useState<Parsed | null>(null);
  const [problems, setProblems] = useState<Problem[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const key = useRef(crypto.randomUUID());
  const read = async (file: File | undefined) => {
    if (!file) return;
    setError(null);
    setProblems(null);
    const found = parse(await file.text(), schema);
    setParsed(found);
    key.current = crypto.randomUUID();
    if (found.rows.length === 0) return;
    try {
      setProblems((await checkRows(agent.name, found.rows, key.current)).problems);
    } catch (problem) {
      setError(problem);
    }
  };
  const start = async () => {
    if (!parsed || busy) return;
    setBusy(true);
    try {
      const runs = await startRows(agent.name, parsed.rows, key.current);
      toast(t('start.startedMany', { count: runs.length }));
      await navigate({ to: '/runs', search: { agent: agent.name } });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const template = useMemo(() => templateOf(schema), [schema]);
  return (
    <div className={css.csv}>
      <label className={css.drop} onDragOver={(event) => event.preventDefault()} onDrop={(event) => { event.preventDefault(); void read(event.dataTransfer.files[0]); }}>
        <FileSpreadsheet size={22} aria-hidden />
        <span className="med">{t('start.csv')}</span>
        <span className="xs muted">{t('start.csvText')}</span>
        <input type="file" accept=".csv,text/csv,text/tab-separated-values" onChange={(event) => { void read(event.target.files?.[0]); event.target.value = ''; }} />
      </label>
      <p className="xs muted">{t('start.columns')}: <span className="mono">{template}</span></p>
      {parsed && parsed.unknown.length > 0 && <p className={css.bad} role="status">{t('start.unknownColumns', { columns: parsed.unknown.join(', ') })}</p>}
      {parsed && <p role="status" className={problems?.length ? css.bad : 'sm'}>{problems ? (problems.length ? t('start.rowProblems', { count: problems.length }) : t('start.rowsFine', { count: parsed.rows.length })) : t('start.rowsRead', { count: parsed.rows.length })}</p>}
      {parsed && parsed.rows.length > 0 && <Preview parsed={parsed} problems={problems ?? []} schema={schema} />}
      <Inline error={error} />
      {parsed && parsed.rows.length > 0 && (
        <div><Button look="primary" busy={busy} disabled={!problems || problems.length > 0 || agent.frozen} onClick={() => void start()} icon={<Play size={14} aria-hidden />}>{t('start.goMany', { count: parsed.rows.length })}</Button></div>
      )}
    </div>
  );
}

const templateOf = (schema: Schema) => Object.keys(resolve(schema, schema).properties ?? {}).join(', ');

type Row = { index: number; input: Record<string, unknown>; problems: Problem[] };

function Preview({ parsed, problems, schema }: { parsed: Parsed; problems: Problem[]; schema: Schema }) {
  const { t } = useTranslation();
  const rows: Row[] = parsed.rows.map((input, index) => ({ index, input, problems: problems.filter((each) => each.row === index) }));
  const sorted = [...rows].sort((a, b) => Math.sign(b.problems.length) - Math.sign(a.problems.length)).slice(0, SHOWN);
  const properties = resolve(schema, schema).properties ?? {};
  const columns: Column<Row>[] = [
    { id: 'row', head: t('start.row'), cell: (row) => row.index + 1 },
    ...(problems.length ? [{ id: 'problem', head: t('start.problem'), cell: (row: Row) => <span className={css.bad}>{row.problems.map((each) => `${each.field}: ${wordedAtField(each.detail)}`).join(' · ')}</span> }] : []),
    ...parsed.columns.map((name): Column<Row> => ({ id: name, head: titleOf(properties[name] ?? {}, name), cell: (row) => String(row.input[name] ?? '') })),
  ];
  return <div className={css.preview} tabIndex={0} role="region" aria-label={t('start.preview')}><Table label={t('start.preview')} rows={sorted} columns={columns} rowKey={(row) => String(row.index)} /></div>;
}
