import { useQuery } from '@tanstack/react-query';
import { CircleHelp, Users } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery, agentsQuery } from '../../api/agents';
import { toolsQuery } from '../../api/connectors';
import { explain, policyQuery, whoCan, type Explanation } from '../../api/policy';
import type { Schemas } from '../../api/client';
import { useMay } from '../../app/session';
import { inLanguage, said } from '../../i18n/said';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { SelectField } from '../../ui/Field';
import { JsonForm } from '../../ui/form/JsonForm';
import type { Schema } from '../../ui/form/schema';
import { humanize, principalName } from '../../ui/format';
import { Section } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import css from './Policies.module.css';
import { RuleWords } from './Rules';

type WhoCan = Schemas['WhoCanView'];

/** A call that is only asked about: what policy would answer, why, what would change it, and who could. */
export function Ask() {
  const { t } = useTranslation();
  const may = useMay();
  const policy = useQuery(policyQuery).data;
  const agents = useQuery(agentsQuery).data ?? [];
  const tools = useQuery({ ...toolsQuery, enabled: may('read_connectors') }).data;
  const [tool, setTool] = useState('');
  const [principal, setPrincipal] = useState('');
  const [agent, setAgent] = useState('');
  const [values, setValues] = useState<Record<string, unknown>>({});
  const [answer, setAnswer] = useState<Explanation | null>(null);
  const [who, setWho] = useState<WhoCan[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const agentTools = useQuery({ ...agentQuery(agent), enabled: agent !== '' }).data?.tools;
  const people = [...new Set(policy?.roles.flatMap((role) => role.holders) ?? [])].sort();
  const names = (tools ?? agentTools ?? []).map((each) => each.name);
  const schema = tools?.find((each) => each.name === tool)?.input_schema as Schema | undefined;
  const ask = async (args: Record<string, unknown>) => {
    setBusy(true);
    setError(null);
    try {
      setAnswer(await explain({ tool, principal, agent, arguments: args }));
    } catch (problem) {
      setError(problem);
      setAnswer(null);
    } finally {
      setBusy(false);
    }
  };
  const list = async () => {
    setError(null);
    try {
      setWho(await whoCan({ tool, arguments: Object.keys(values).length > 0 ? values : null }));
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <div className={css.ask}>
      <Section title={t('policies.question')}>
        <div className={`card ${css.panel}`}>
          <div className={css.two}>
            <SelectField label={t('policies.person')} required empty="" options={people.map((each) => ({ value: each, label: principalName(each) }))} value={principal} onChange={(event) => setPrincipal(event.target.value)} />
            <SelectField label={t('policies.throughAgent')} empty={t('policies.noAgent')} options={agents.map((each) => ({ value: each.name, label: each.title }))} value={agent} onChange={(event) => setAgent(event.target.value)} />
          </div>
          <SelectField label={t('agents.tool')} required empty="" options={names.map((name) => ({ value: name, label: name }))} value={tool} onChange={(event) => { setTool(event.target.value); setAnswer(null); setWho(null); setValues({}); }} />
          {tool && (
            <JsonForm key={tool} schema={withoutRequired(schema)} onSubmit={ask} onChange={setValues}>
              <Button look="primary" type="submit" busy={busy} disabled={!principal} icon={<CircleHelp size={15} aria-hidden />}>{t('policies.explain')}</Button>
              <Button icon={<Users size={15} aria-hidden />} onClick={() => void list()}>{t('policies.whoCan')}</Button>
            </JsonForm>
          )}
          <Inline error={error} />
        </div>
      </Section>
      <div className={css.answers} aria-live="polite">
        {answer && <Answer answer={answer} />}
        {who && <WhoCanList rows={who} />}
        {!answer && !who && <p className="sm muted">{t('policies.askText')}</p>}
      </div>
    </div>
  );
}

const OUTCOMES = { applies: 'applies', 'does not apply': 'not', "can't be decided": 'undecided' } as const;

/** A question may leave arguments open; a call may not. */
const withoutRequired = (schema: Schema | undefined): Schema => ({ type: 'object', properties: {}, ...schema, required: [] });

function Answer({ answer }: { answer: Explanation }) {
  const { t } = useTranslation();
  return (
    <Section title={t('policies.answer')}>
      <div className={`card ${css.panel}`}>
        <p className="row wrap"><State name={answer.decision.verdict} />{Object.keys(answer.links).length > 1 && Object.entries(answer.links).map(([who, verdict]) => <span key={who} className="row xs muted">{principalName(who)}: <State name={verdict} quiet /></span>)}</p>
        <ul className="col">{answer.decision.reasons.map((reason, i) => <li key={i} className="sm">{said(reason)} {reason.rule && <code className="mono muted">{reason.rule}</code>}</li>)}</ul>
        {answer.decision.approval.length > 0 && <p className="sm">{t('policies.needs', { rules: answer.decision.approval.map(humanize).join(', ') })}</p>}
        {answer.would_change.length > 0 && <div><p className="heading">{t('policies.wouldChange')}</p><ul className={css.bullets}>{answer.would_change.map((each, i) => <li key={i}>{inLanguage(each.sentences)} <State name={each.verdict} quiet /></li>)}</ul></div>}
      </div>
      {answer.considered.length > 0 && <details><summary className="link sm">{t('policies.considered', { count: answer.considered.length })}</summary><ul className={css.considered}>{answer.considered.map((each, i) => <li key={i}><State name={each.rule.verdict} quiet={each.outcome !== 'applies'} /><span><RuleWords rule={each.rule} /><span className="xs muted">{t(`policies.outcome.${OUTCOMES[each.outcome]}`)}: {inLanguage(each.because)}</span></span></li>)}</ul></details>}
    </Section>
  );
}

function WhoCanList({ rows }: { rows: WhoCan[] }) {
  const { t } = useTranslation();
  return (
    <Section title={t('policies.whoCan')}>
      {rows.length === 0 ? <p className="sm muted">{t('policies.nobody')}</p> : (
        <Table<WhoCan> label={t('policies.whoCan')} rows={rows} rowKey={(row) => row.principal} columns={[
          { id: 'who', head: t('policies.person'), cell: (row) => <Person id={row.principal} name={row.name} /> },
          { id: 'verdict', head: t('policies.verdict'), cell: (row) => <State name={row.verdict} /> },
          { id: 'roles', head: t('policies.roles'), wide: true, cell: (row) => <span className="ink2">{row.roles.map(humanize).join(', ')}</span> },
          { id: 'approval', head: t('agents.whoAgrees'), wide: true, cell: (row) => row.approval.map(humanize).join(', ') },
          { id: 'depends', head: t('policies.depends'), wide: true, cell: (row) => <span className="xs muted">{row.depends.join(' · ')}</span> },
        ]} />
      )}
    </Section>
  );
}
