import { CornerDownLeft, Search, X } from 'lucide-react';
import { useQuery } from '@tanstack/react-query';
import { useId, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { fieldsQuery } from '../../api/log';
import type { Problem } from '../../api/problem';
import { worded } from '../../i18n/sentences';
import { complete } from './complete';
import css from './FilterBar.module.css';

type FilterBarProps = { q: string; problem: Problem | null; onApply: (q: string) => void };

/** The filter language, typed with completions. Enter applies; what can't be read is said in words. */
export function FilterBar({ q, problem, onApply }: FilterBarProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(q);
  const [caret, setCaret] = useState(q.length);
  const [at, setAt] = useState(-1);
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  const fields = useQuery(fieldsQuery).data ?? [];
  const offers = complete(fields, text, caret);
  const items = open ? offers.items : [];
  const take = (i: number) => {
    const item = items[i];
    if (!item) return;
    const next = text.slice(0, offers.start) + item.insert + text.slice(offers.end);
    const behind = offers.start + item.insert.length;
    setText(next);
    setCaret(behind);
    setAt(-1);
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(behind, behind);
    });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (items.length === 0) return setOpen(true);
      event.preventDefault();
      setAt((at + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && items[at]) {
      event.preventDefault();
      take(at);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      setOpen(false);
      onApply(text.trim());
    } else if (event.key === 'Escape') setOpen(false);
  };
  return (
    <div className={css.bar} role="search" onBlur={(event) => { if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false); }}>
      <div className={css.box} data-bad={problem ? true : undefined}>
        <Search size={15} aria-hidden />
        <input ref={input} className={css.input} role="combobox" aria-expanded={items.length > 0} aria-controls={list} aria-autocomplete="list" aria-activedescendant={at >= 0 ? `${list}-${at}` : undefined}
          aria-label={t('log.filter')} aria-invalid={problem ? true : undefined} aria-describedby={`${list}-help`} placeholder={t('log.filterPlaceholder')} spellCheck={false} autoCapitalize="none" autoComplete="off"
          value={text} onFocus={() => setOpen(true)} onKeyDown={onKeyDown} onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onChange={(event) => { setText(event.target.value); setCaret(event.target.selectionStart ?? 0); setOpen(true); setAt(-1); }} />
        {text && <button type="button" className={css.icon} aria-label={t('log.clear')} onClick={() => { setText(''); onApply(''); }}><X size={14} aria-hidden /></button>}
        <button type="button" className={css.apply} disabled={text.trim() === q} onClick={() => { setOpen(false); onApply(text.trim()); }}>{t('log.apply')}<CornerDownLeft size={13} aria-hidden /></button>
      </div>
      <p id={`${list}-help`} className={problem ? css.problem : 'hidden'} role={problem ? 'alert' : undefined}>{problem ? [problem.message, problem.wayOut].filter(Boolean).map(worded).join(' ') : t('log.filterHelp')}</p>
      <ul id={list} role="listbox" aria-label={t('log.completions')} className={css.list} hidden={items.length === 0}>
        {items.map((item, i) => (
          <li key={`${item.kind}:${item.insert}`} id={`${list}-${i}`} role="option" aria-selected={i === at} className={css.option} onMouseDown={(event) => { event.preventDefault(); take(i); }} onMouseMove={() => setAt(i)}>
            <span className="mono">{item.insert.trim()}</span>
            <span className="xs muted trunc grow">{item.label === item.insert.trim() ? '' : item.label}</span>
            <span className={css.kind}>{t(`log.kind.${item.kind}`)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
