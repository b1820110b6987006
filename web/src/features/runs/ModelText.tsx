import { useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Step } from '../../api/runs';
import { number } from '../../ui/format';
import { useText } from './texts';
import css from './ModelText.module.css';

const LONG = 280;
const LINES = 4;

/** What a model writes, while it writes it: plain text, whatever marks are in it. Long texts fold once they are whole. */
export function ModelText({ run, step }: { run: string; step: Step }) {
  const { t } = useTranslation();
  const said = useText(run, step);
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const pinned = useRef(true);
  const writing = step.state === 'running';
  const [watched] = useState(writing);
  const text = said?.text ?? '';
  useLayoutEffect(() => {
    if (writing && pinned.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [writing, text]);
  if (!said || (!text && !said.leftOut)) return null;
  const long = text.length > LONG || text.split('\n').length > LINES;
  const scrolls = long && (writing || open);
  return (
    <div className={css.words}>
      {watched && <span className="hidden" role="status">{writing ? t('run.writing') : step.state === 'succeeded' ? t('run.written') : ''}</span>}
      <div ref={box} className={css.text} data-folded={(long && !writing && !open) || undefined} data-scrolls={scrolls || undefined}
        onScroll={({ currentTarget: at }) => { pinned.current = at.scrollHeight - at.scrollTop - at.clientHeight < 24; }}
        {...(scrolls ? { tabIndex: 0, role: 'region', 'aria-label': t('run.answerText') } : {})}>
        {text}{writing && <span className={css.caret} aria-hidden />}
      </div>
      <p className={css.below}>
        {said.attempt > 1 && <span>{t('run.begunAnew', { count: said.attempt - 1 })}</span>}
        {said.leftOut > 0 && <span>{t('run.leftOut', { count: said.leftOut, number: number(said.leftOut) })}</span>}
        {long && !writing && <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? t('run.foldText') : t('run.wholeText')}</button>}
      </p>
    </div>
  );
}
