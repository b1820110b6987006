import { useQuery } from '@tanstack/react-query';
import { Tags, UserPlus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { changePerson, peopleQuery, rolesQuery, type Person as PersonView, type Role } from '../../api/people';
import { useMay, useMe } from '../../app/session';
import { Button } from '../../ui/Button';
import { Failed, SkeletonRows } from '../../ui/Feedback';
import { humanize } from '../../ui/format';
import { Column, Page, Section } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { toastProblem } from '../../ui/problem';
import { Pill, State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { AttributesDialog } from './AttributesDialog';
import { NewPersonDialog } from './NewPersonDialog';

export function PeoplePage() {
  const { t } = useTranslation();
  const may = useMay();
  const people = useQuery(peopleQuery);
  const roles = useQuery({ ...rolesQuery, enabled: may('read_people') });
  const [adding, setAdding] = useState(false);
  return (
    <Page name={t('nav.people')} title={t('nav.people')} actions={may('manage_people') && <Button look="primary" icon={<UserPlus size={15} aria-hidden />} onClick={() => setAdding(true)}>{t('people.add')}</Button>}>
      <Column>
        {people.isError ? <Failed error={people.error} onRetry={() => void people.refetch()} /> : people.isPending ? <SkeletonRows /> : (
          <>
            <Section title={t('people.people')}><PeopleTable rows={people.data} /></Section>
            {roles.data && <Section title={t('people.roles')} beside={<span className="xs muted">{t('people.rolesText')}</span>}><RoleTable rows={roles.data} people={people.data} /></Section>}
          </>
        )}
      </Column>
      {adding && <NewPersonDialog onClose={() => setAdding(false)} />}
    </Page>
  );
}

function PeopleTable({ rows }: { rows: PersonView[] }) {
  const { t } = useTranslation();
  const me = useMe();
  const may = useMay();
  const toggle = async (person: PersonView) => {
    try {
      await changePerson(person.principal, { active: !person.active });
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const [editing, setEditing] = useState<PersonView | null>(null);
  const role = (name: string) => t(`role.${name.replaceAll('-', '_')}`, { defaultValue: humanize(name) });
  return (
    <>
      <Table<PersonView> label={t('people.people')} rows={rows} rowKey={(person) => person.principal} columns={[
        { id: 'name', head: t('people.name'), cell: (person) => <Person id={person.principal} name={person.name} /> },
        { id: 'login', head: t('people.login'), wide: true, cell: (person) => <span className="mono muted">{person.principal}</span> },
        { id: 'roles', head: t('people.roles'), cell: (person) => <span className="row wrap">{person.roles.map((each) => <Pill key={each} tone="idle">{role(each)}</Pill>)}</span> },
        { id: 'attributes', head: t('people.attributes'), wide: true, cell: (person) => <span className="row wrap">{Object.entries(person.attributes).map(([name, value]) => <Pill key={name} tone="idle">{name}: {value}</Pill>)}</span> },
        { id: 'last', head: t('people.lastSignIn'), wide: true, cell: (person) => (person.last_sign_in_at ? <Time at={person.last_sign_in_at} as="relative" /> : <span className="muted">–</span>) },
        { id: 'state', head: t('run.state'), cell: (person) => <State name={person.active ? 'active' : 'inactive'} quiet={person.active} /> },
        { id: 'act', head: t('people.change'), hideHead: true, end: true, cell: (person) => person.principal !== me.principal && (
          <span className="row">
            {may('set_attributes') && may('read_policy') && <Button small icon={<Tags size={14} aria-hidden />} onClick={() => setEditing(person)}>{t('people.attributes')}</Button>}
            {may('manage_people') && <Button small look={person.active ? 'deny' : 'plain'} onClick={() => void toggle(person)}>{t(person.active ? 'people.shutOut' : 'people.letIn')}</Button>}
          </span>
        ) },
      ]} />
      {editing && <AttributesDialog person={editing} onClose={() => setEditing(null)} />}
    </>
  );
}

function RoleTable({ rows, people }: { rows: Role[]; people: PersonView[] }) {
  const { t } = useTranslation();
  return (
    <Table<Role> label={t('people.roles')} rows={rows} rowKey={(role) => role.name} columns={[
      { id: 'name', head: t('people.role'), cell: (role) => <span className="med">{t(`role.${role.name.replaceAll('-', '_')}`, { defaultValue: role.title })}</span> },
      { id: 'holders', head: t('people.holders'), cell: (role) => <span className="row wrap">{role.holders.map((each) => <Person key={each} id={each} name={people.find((person) => person.principal === each)?.name} small />)}</span> },
    ]} />
  );
}
