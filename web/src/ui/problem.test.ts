import i18n from 'i18next';
import { afterEach, expect, test } from 'vitest';
import { Problem } from '../api/problem';
import { loadSentences, startLanguage } from '../i18n';
import { inWords, told } from './problem';

afterEach(async () => {
  await startLanguage('en');
  await loadSentences('en');
});

const CONFLICT = new Problem('The schedule has ended.', 409, 'conflict', 'Make a new one.');

test('in English it is said as the server says it', async () => {
  await startLanguage('en');
  expect(told(CONFLICT)).toEqual({ title: 'The schedule has ended.', detail: '' });
  expect(told(new Error('no network'))).toEqual({ title: 'no network', detail: '' });
  expect(inWords('audit-unavailable', '').title).toBe(i18n.t('problem.audit_unavailable'));
});

test('in Chinese it is said in Chinese; what is not translated is quoted below its kind', async () => {
  await startLanguage('zh');
  await loadSentences('zh');
  expect(told(CONFLICT)).toEqual({ title: '该计划已结束。', detail: '' });
  expect(told(new Problem('Mars is in the way.', 409, 'conflict'))).toEqual({ title: '与当前状态冲突', detail: 'Mars is in the way.' });
  expect(inWords('ZeroDivisionError', 'division by zero'), 'a kind that nobody translated').toEqual({ title: 'division by zero', detail: '' });
});
