import { useQuery } from '@tanstack/react-query';
import { Clock } from 'lucide-react';
import type { Ref } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import type { ApprovalSummary } from '../../api/approvals';
import { said } from '../../i18n/said';
import { humanize, relative } from '../../ui/format';
import { State, Tile } from '../../ui/State';
import { useNow } from '../../ui/useNow';
import css from './Inbox.module.css';
import { iconOfTool, toneOfRisk } from './look';
import { selectable } from './verdict';

type InboxProps = {
  ref: Ref<HTMLUListElement>;
  rows: ApprovalSummary[];
  selected: string | undefined;
  chosen: ReadonlySet<string>;
  onSelect: (id: string) => void;
  onToggle: (row: ApprovalSummary) => void;
};

const HOUR = 3_600_000;

export function Inbox({ ref, rows, selected, chosen, onSelect, onToggle }: InboxProps) {
  const { t } = useTranslation();
  const agents = useQuery(agentsQuery).data ?? [];
  const now = useNow(15_000);
  return (
    <ul ref={ref} className={css.inbox}>
      {rows.map((row) => {
        const open = row.state === 'pending';
        const soon = open && new Date(row.expires_at).getTime() - now < HOUR;
        const sentence = said(row);
        return (
          <li key={row.id} className={css.row} data-on={row.id === selected || undefined} data-chosen={chosen.has(row.id) || undefined}>
            <span className={css.mark}>
              <Tile tone={toneOfRisk(row.risk)} icon={iconOfTool(row.tool)} />
              {open && selectable(row) && (
                <span className={css.check}><input type="checkbox" aria-label={t('approvals.select', { what: sentence })} checked={chosen.has(row.id)} onChange={() => onToggle(row)} /></span>
              )}
            </span>
            <button type="button" data-id={row.id} className={css.hit} aria-current={row.id === selected || undefined} onClick={() => onSelect(row.id)}>
              <span className={css.head}>{sentence}</span>
              <span className={css.meta}>
                {open && row.risk !== 'low' && <><span data-risk={row.risk}>{t(`state.${row.risk}`)}</span><span aria-hidden>·</span></>}
                <span className="trunc grow">{agents.find((each) => each.name === row.agent)?.title ?? humanize(row.agent)}</span>
                {!open ? <State name={row.state} quiet /> : soon ? <span className={css.soon}><Clock size={12} aria-hidden />{relative(row.expires_at, now)}</span> : <span className="num nowrap">{relative(row.created_at, now)}</span>}
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}
