#!/usr/bin/env node
import {parseArgs} from 'node:util';
import {type Collision, collisions, collisionsOf} from '../arch/collisions.ts';
import {type ArchitectureName, architectureNames, type KernelName, kernelNames, postingNames} from '../include/linux/abi.ts';
import {type AbiRecord, type Context, kernelContexts, type Kind, kindsWithout, postedRecords, postingContexts, records, type Wanted} from './lib/records.ts';
import {type Io, run} from './lib/cli.ts';
import {nearest} from './lib/nearest.ts';

/** The descendant of the patch adds no row to these tables: its numbers are today's. */
const revisionNames = [...postingNames, 'uffdio-move'] as const;

/** What --as can say a number is, and the kind of name that it is then. `flags` are joined by `|`. */
const meanings: Readonly<Record<string, {readonly kind: Kind, readonly flags: boolean}>> = {
	'mmap-flags':     {kind: 'map',       flags: true},
	'prot':           {kind: 'prot',      flags: true},
	'madvise':        {kind: 'madvise',   flags: false},
	'mremap-flags':   {kind: 'mremap',    flags: true},
	'msync-flags':    {kind: 'msync',     flags: true},
	'mlockall-flags': {kind: 'mlockall',  flags: true},
	'mlock2-flags':   {kind: 'mlock',     flags: true},
	'errno':          {kind: 'errno',     flags: false},
	'signal':         {kind: 'signal',    flags: false},
	'syscall':        {kind: 'syscall',   flags: false},
};

const OPTIONS = {
	'arch': {type: 'string', choices: architectureNames, describe: 'only this architecture', requiresArg: true},
	'kernel': {type: 'string', choices: kernelNames, describe: 'only this kernel, as it was released', requiresArg: true},
	'revision': {type: 'string', choices: revisionNames, describe: 'only this posting, with its base kernel', requiresArg: true},
	'decode': {type: 'string', describe: 'a number, to be taken apart into names; needs --as', requiresArg: true},
	'as': {type: 'string', choices: Object.keys(meanings), describe: 'what the number is', requiresArg: true},
	'encode': {type: 'string', describe: 'names and numbers, joined by |, to be put together', requiresArg: true},
	'collisions': {type: 'boolean', describe: 'the numbers of the patch that mean something else today'},
	'format': {type: 'string', choices: ['table', 'json', 'csv', 'markdown'], describe: 'how answers are printed', requiresArg: true},
} as const;

/** The words that only yargs answers: it takes longer to load than the tables take to answer. */
const YARGS_ONLY = new Set(['--help', '--version', 'completion', '--get-yargs-completions']);

/** The user asked for something that is not there: status 2. */
class UsageError extends Error {}

/** The question is a good one, and the answer is no: status 1. */
class NotFound extends Error {}

/** An answer: a record, and how its value looks in hexadecimal where that says more. */
type Answer = Readonly<Record<string, string | number | null>>;

interface Question {
	readonly terms: readonly string[];
	/** All of them, if none is asked for. */
	readonly archs: readonly ArchitectureName[];
	/** null: not asked for, so kernels as they were released, and of postings what they add. */
	readonly contexts: readonly Context[] | null;
	readonly arch: ArchitectureName | null;
	readonly as: string | null;
	readonly decode: string | null;
	readonly encode: string | null;
	readonly collisions: boolean;
	readonly kernel: KernelName | null;
	readonly revision: (typeof revisionNames)[number] | null;
}

function choice<T extends string>(name: string, value: string | undefined, choices: readonly T[]): T | null {
	if (value === undefined) return null;
	const chosen = choices.find(one => one === value);
	if (chosen !== undefined) return chosen;
	const near = nearest(value, choices);
	throw new UsageError(`--${name}: expected one of ${choices.join(', ')}, found ${JSON.stringify(value)}${near.length > 0 ? ` (${near[0]}?)` : ''}`);
}

function contextsOf(kernel: KernelName | null, revision: Question['revision']): readonly Context[] | null {
	if (kernel !== null && revision !== null) throw new UsageError('--kernel is a kernel as it was released, --revision a posting: expected one of them');
	if (revision === 'uffdio-move') return kernelContexts.filter(context => context.kernel === '7.2');
	if (revision !== null) return postingContexts.filter(context => context.revision === revision);
	return kernel === null ? null : kernelContexts.filter(context => context.kernel === kernel);
}

function parse(argv: readonly string[]): {question: Question, format: string} {
	const options = Object.fromEntries(Object.entries(OPTIONS).map(([name, {type}]) => [name, {type}]));
	let parsed;
	try {
		parsed = parseArgs({args: [...argv], options, allowPositionals: true});
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
	const value = (name: keyof typeof OPTIONS): string | undefined => parsed.values[name] as string | undefined;
	const arch = choice('arch', value('arch'), architectureNames), kernel = choice('kernel', value('kernel'), kernelNames);
	const revision = choice('revision', value('revision'), revisionNames), as = choice('as', value('as'), Object.keys(meanings));
	const decode = value('decode') ?? null, encode = value('encode') ?? null, all = parsed.values['collisions'] === true;
	const asked = [decode !== null, encode !== null, all, parsed.positionals.length > 0].filter(Boolean).length;
	if (asked === 0) throw new UsageError('What of? A name, a pattern or a number (--help says more)');
	if (asked > 1) throw new UsageError('expected either names and numbers, or one of --decode, --encode, --collisions');
	if (decode !== null && as === null) throw new UsageError(`--decode: --as says what the number is: one of ${Object.keys(meanings).join(', ')}`);
	if (encode !== null && as !== null) throw new UsageError('--as goes with numbers; names know what they are');
	return {
		format: choice('format', value('format'), OPTIONS.format.choices) ?? 'table',
		question: {
			terms: parsed.positionals, archs: arch === null ? architectureNames : [arch], contexts: contextsOf(kernel, revision),
			arch, as, decode, encode, collisions: all, kernel, revision,
		},
	};
}

const NUMBER = /^(0x[0-9a-f]+|[0-9]+)$/i;

function numberOf(text: string, what: string): number {
	const value = NUMBER.test(text) ? Number(text) : NaN;
	if (!Number.isSafeInteger(value)) throw new UsageError(`${what}: expected a number below 2^53, found ${JSON.stringify(text)}`);
	return value;
}

const HEX_KINDS: ReadonlySet<string> = new Set(['prot', 'map', 'patch', 'uffdio']);

/** Past this a number says more in hexadecimal. */
const LARGE = 0x10_0000;

function hexOf(value: AbiRecord['value'], kind: string): string {
	return typeof value === 'number' && (HEX_KINDS.has(kind) || value >= LARGE) ? `0x${value.toString(16)}` : '';
}

/** A record as it is printed. */
function answer(record: AbiRecord, more: Answer = {}): Answer {
	const {name, arch, value, kernel, revision, kind, source, note} = record;
	return {name, arch, value, hex: hexOf(value, kind), kernel, revision, kind, source, note, ...more};
}

/** The records that a question looks at. Of a posting they are only its own, unless it is asked for. */
function* asked({archs, contexts}: Question, wanted: Wanted): Generator<AbiRecord> {
	yield* records(archs, contexts ?? kernelContexts, wanted);
	if (contexts === null) yield* postedRecords(archs, wanted);
}

function pattern(term: string): RegExp {
	return new RegExp(`^${term.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

const known = new Map<string, readonly Collision[]>();

/** What a number of the patch is today, of the answers that are the patch's own. */
function collisionOf(record: AbiRecord): Answer {
	if (record.revision === null) return {};
	if (record.value === null || (record.kind !== 'syscall' && record.kind !== 'madvise')) return {};
	const key = `${record.arch} ${record.kind}`, of = known.get(key) ?? collisionsOf(record.arch, record.kind);
	known.set(key, of);
	const found = of.find(({number, patch_name, posting}) => number === record.value && patch_name === record.name
		&& (posting === 'all' || posting === record.revision));
	return found === undefined || found.today === null ? {} : {today: found.today, since: found.since};
}

function byNumber(question: Question, term: string): AbiRecord[] {
	const value = numberOf(term, term), kind = question.as === null ? null : meanings[question.as]!.kind;
	const wanted: Wanted = (_, is, what) => is === value && what !== 'memory' && what !== 'table' && (kind === null || what === kind);
	return [...asked(question, Object.assign(wanted, {not: new Set<Kind>(['memory'])}))];
}

function byName(question: Question, term: string): AbiRecord[] {
	const fits = pattern(term), wanted: Wanted = Object.assign(/[*?]/.test(term) ? (name: string) => fits.test(name) : (name: string) => name === term, {not: kindsWithout(term)});
	const found = [...asked(question, wanted)];
	if (question.arch === null) return found;
	return found.filter(({arch}) => arch === question.arch || arch === 'all');
}

/** Where a name would have been found. */
function notFound(term: string, question: Question): NotFound {
	const where = [question.arch, question.kernel, question.revision].filter(one => one !== null).join(', '), here = where === '' ? '' : ` under ${where}`;
	if (NUMBER.test(term)) return new NotFound(`${term}: nothing has this number${here}`);
	const everywhere = [...records(architectureNames, [...kernelContexts, ...postingContexts])], elsewhere = everywhere.filter(({name, value}) => name === term && value !== null);
	if (elsewhere.length > 0) {
		const places = [...new Set(elsewhere.map(({arch, kernel, revision}) => `${arch} ${revision ?? kernel}`))];
		return new NotFound(`${term}: not known${here}; known under ${places.slice(0, 6).join(', ')}${places.length > 6 ? ', …' : ''}`);
	}
	const near = nearest(term, everywhere.map(({name}) => name));
	return new NotFound(`${term}: not known${near.length > 0 ? `; the nearest: ${near.join(', ')}` : ''}`);
}

function lookUp(question: Question): Answer[] {
	return question.terms.flatMap(term => {
		const found = NUMBER.test(term) ? byNumber(question, term) : byName(question, term);
		if (found.length === 0) throw notFound(term, question);
		return found.map(record => answer(record, collisionOf(record)));
	});
}

/** Each architecture in each context, with its names. */
function* tables(question: Question, wanted: Wanted): Generator<{arch: ArchitectureName, context: Context, found: Map<string, AbiRecord>}> {
	for (const arch of question.archs) {
		for (const context of question.contexts ?? [...kernelContexts, ...postingContexts]) {
			// the first of a name is the header's; numbers of before that are still taken come later
			yield {arch, context, found: new Map([...records([arch], [context], wanted)].reverse().map(record => [record.name, record]))};
		}
	}
}

/** The names of flags that make a number; a field like MAP_TYPE is one of its values. The rest stands as a number. */
function flagNames(value: number, kind: Kind, found: ReadonlyMap<string, AbiRecord>): AbiRecord[] {
	const known = [...found.values()].filter(record => record.kind === kind && typeof record.value === 'number' && record.value !== 0
		&& !/^MAP_(TYPE|HUGE_)/.test(record.name)).sort((a, b) => (a.value as number) - (b.value as number));
	const type = kind === 'map' ? found.get('MAP_TYPE')?.value as number | undefined : undefined, names: AbiRecord[] = [];
	if (type !== undefined) {
		// the two low bits are a number and not flags
		const low = value & type & 3, mapped = known.find(record => record.value === low);
		if (mapped !== undefined) names.push(mapped);
	}
	const taken = names.reduce((sum, record) => sum | (record.value as number), 0);
	for (const record of known) {
		const bit = record.value as number;
		if ((taken & bit) === 0 && (bit & (bit - 1)) === 0 && Math.floor(value / bit) % 2 === 1 && !names.some(({value: other}) => other === bit)) names.push(record);
	}
	return names;
}

function decoded(question: Question): Answer[] {
	const value = numberOf(question.decode!, '--decode'), {kind, flags} = meanings[question.as!]!, answers: Answer[] = [];
	for (const {arch, context, found} of tables(question, (_, __, what) => what === kind)) {
		const of = [...found.values()].filter(record => record.kind === kind), zero = of.find(record => record.value === 0 && record.name !== 'MAP_FILE' && record.name !== 'MAP_VARIABLE');
		const names = !flags ? of.filter(record => record.value === value) : value === 0 ? (zero === undefined ? [] : [zero]) : flagNames(value, kind, found);
		if (names.length === 0) continue;
		const rest = flags ? value - [...new Set(names.map(record => record.value as number))].reduce((sum, bit) => sum + bit, 0) : 0;
		const name = [...names.map(record => record.name), ...(rest > 0 ? [`0x${rest.toString(16)}`] : [])].join(flags ? '|' : ' or ');
		const note = rest > 0 ? `0x${rest.toString(16)} has no name there` : null;
		answers.push(answer({name, arch, kind, value, ...context, source: [...new Set(names.map(({source}) => source))].join('; '), note}));
	}
	if (answers.length === 0) throw new NotFound(`${question.decode!}: no name of ${question.as!} has a part of it`);
	return merged(answers, question);
}

/** With nothing asked for, a posting says no more than its base kernel unless it says something else. */
function merged(answers: readonly Answer[], {contexts}: Question): Answer[] {
	if (contexts !== null) return [...answers];
	return answers.filter(({arch, name, value, kernel, revision}) => revision === null
		|| !answers.some(other => other['revision'] === null && other['arch'] === arch && other['kernel'] === kernel && other['name'] === name && other['value'] === value));
}

function encoded(question: Question): Answer[] {
	const parts = question.encode!.split('|').map(part => part.trim()), answers: Answer[] = [];
	if (parts.includes('')) throw new UsageError(`--encode: expected names joined by |, found ${JSON.stringify(question.encode)}`);
	for (const {arch, context, found} of tables(question, name => parts.includes(name))) {
		const members = parts.map(part => (NUMBER.test(part) ? {value: numberOf(part, '--encode'), source: null, kind: null} : found.get(part)));
		if (members.some(member => typeof member?.value !== 'number')) continue;
		const value = members.reduce((sum, member) => sum | BigInt(member!.value as number), 0n);
		const sources = members.flatMap(member => (member!.source === null ? [] : [member!.source])), kind = members.find(member => member!.kind !== null)?.kind ?? 'map';
		answers.push({...answer({name: parts.join('|'), arch, kind, value: Number(value), ...context, source: [...new Set(sources)].join('; '), note: null}), hex: `0x${value.toString(16)}`});
	}
	if (answers.length > 0) return merged(answers, question);
	const names = new Set([...tables(question, name => parts.includes(name))].flatMap(({found}) => [...found.keys()])), unknown = parts.find(part => !NUMBER.test(part) && !names.has(part));
	throw unknown === undefined ? new NotFound(`${question.encode!}: no architecture and kernel has all of them`) : notFound(unknown, question);
}

function collided({arch, kernel, revision, contexts}: Question): Answer[] {
	if (kernel !== null && kernel !== '7.2') throw new UsageError('--collisions are with today\'s Linux: expected no --kernel, or 7.2');
	if (contexts !== null && revision === 'uffdio-move') throw new UsageError('--collisions: expected a posting of the patch');
	const found = collisions().filter(({abi, posting}) => (arch === null || abi === arch || abi === 'all')
		&& (revision === null || posting === 'all' || posting.split(', ').includes(revision)));
	if (found.length === 0) throw new NotFound('nothing of the patch collides there');
	return found.map(({patch_name, abi, number, kind, posting, today, since, source, since_source, note}) => ({
		name: patch_name, arch: abi, value: number, hex: hexOf(number, kind), kernel: '7.2', revision: posting, kind, today, since, since_source, source, note: note ?? null,
	}));
}

function answersTo(question: Question): Answer[] {
	if (question.collisions) return collided(question);
	if (question.decode !== null) return decoded(question);
	return question.encode !== null ? encoded(question) : lookUp(question);
}

// printing

/** Answers that differ only in where they hold become one line, for people. */
function grouped(answers: readonly Answer[]): Answer[] {
	const groups = new Map<string, {first: Answer, where: string[], sources: Set<string>}>();
	for (const one of answers) {
		const key = JSON.stringify([one['name'], one['arch'], one['value'], one['kind'], one['note'], one['today'] ?? null]), group = groups.get(key);
		const where = String(one['revision'] ?? one['kernel']), source = String(one['source']);
		if (group === undefined) groups.set(key, {first: one, where: [where], sources: new Set([source])});
		else {
			if (!group.where.includes(where)) group.where.push(where);
			group.sources.add(source);
		}
	}
	return [...groups.values()].map(({first, where, sources}) => {
		const {today, since, since_source: _, kernel: __, revision: ___, source: ____, note, kind: _____, ...rest} = first as Record<string, string | number | null>;
		const clash = today === undefined ? {} : {'today': today === null ? 'no call' : `${today} since ${since}`};
		return {...rest, in: where.join(' '), ...clash, note: note ?? '', source: joinedSources([...sources])};
	});
}

/** One file in several kernels is named once. */
function joinedSources(sources: readonly string[]): string {
	const versions = new Map<string, string[]>();
	for (const source of sources) {
		const [, file, version] = /^(.*) \(([^()]*)\)$/.exec(source) ?? [null, source, null];
		versions.set(file!, [...(versions.get(file!) ?? []), ...(version === null ? [] : [version!])]);
	}
	return [...versions].map(([file, of]) => (of.length === 0 ? file : `${file} (${of.join(', ')})`)).join('; ');
}

function cell(value: string | number | null | undefined): string {
	return value === null || value === undefined ? '-' : String(value);
}

/** Columns that not every answer has stand where they belong all the same. */
function place(column: string): number {
	return ['name', 'arch', 'value', 'hex', 'in', 'kernel', 'revision', 'kind', 'today', 'since', 'since_source', 'note', 'source'].indexOf(column);
}

/** The columns of all rows, without those that are empty in each. */
function columnsOf(rows: readonly Answer[], keepEmpty: boolean): string[] {
	const columns = [...new Set(rows.flatMap(row => Object.keys(row)))].sort((a, b) => place(a) - place(b));
	return keepEmpty ? columns : columns.filter(column => rows.some(row => row[column] !== '' && row[column] !== undefined));
}

const printers: Readonly<Record<string, (answers: readonly Answer[]) => string>> = {
	table(answers) {
		const rows = grouped(answers), columns = columnsOf(rows, false);
		const cells = [columns, ...rows.map(row => columns.map(column => (row[column] === undefined ? '' : cell(row[column]))))];
		const widths = columns.map((_, i) => Math.max(...cells.map(line => line[i]!.length)));
		const right = new Set(['value', 'hex']);
		return cells.map(line => `${line.map((text, i) => (right.has(columns[i]!) ? text.padStart(widths[i]!) : text.padEnd(widths[i]!))).join('  ').trimEnd()}\n`).join('');
	},
	markdown(answers) {
		const rows = grouped(answers), columns = columnsOf(rows, false), line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
		return line(columns) + line(columns.map(() => '---')) + rows.map(row => line(columns.map(column => cell(row[column] ?? (column in row ? null : '')).replaceAll('|', '\\|')))).join('');
	},
	json: answers => `[\n${answers.map(one => JSON.stringify(one)).join(',\n')}\n]\n`,
	csv(answers) {
		const columns = columnsOf(answers, true), field = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
		return [columns, ...answers.map(one => columns.map(column => field(one[column] === null || one[column] === undefined ? '' : String(one[column]))))].map(line => `${line.join(',')}\n`).join('');
	},
};

/** What yargs alone can say: help, version, and the names for the shell. */
async function byYargs(argv: readonly string[], io: Io): Promise<number> {
	const {default: yargs} = await import('yargs');
	let output = '';
	const parser = yargs([...argv]).scriptName('abi')
		.usage('$0 <name or number..>\n\nLooks up the numbers of nine ABIs: constants, system calls, errno, signals and memory geometry of Linux 3.10, 3.17 and 7.2, and what the userfault patch adds. A name may have * and ?.')
		.options(OPTIONS).strictOptions().fail(false).exitProcess(false).wrap(Math.min(io.stdout.columns, 120))
		.example('$0 MADV_USERFAULT', 'on every architecture').example('$0 remap_anon_pages --revision 2014-10', 'where it is wired, and as what')
		.example('$0 314 --arch x86_64', 'what the number is, and when').example('$0 \'MADV_*\' --arch parisc --kernel 3.10', 'a pattern')
		.example('$0 --decode 0x22 --as mmap-flags', 'names of a number').example('$0 --encode \'MAP_PRIVATE|MAP_ANONYMOUS\'', 'the number of names')
		.example('$0 --collisions', 'what a program of 2013 does today')
		.epilogue('Exit status: 0 found, 1 not found, 2 bad usage. `abi completion` prints a script for the shell.')
		.completion('completion', 'prints a completion script for the shell', (current: string, _args: Record<string, unknown>, complete: () => unknown, done: (names: string[]) => void) => {
			if (current.startsWith('-')) return void complete();
			const option = argv.at(-2), choices = option?.startsWith('--') === true ? (OPTIONS as Record<string, {choices?: readonly string[]}>)[option.slice(2)]?.choices : undefined;
			if (choices !== undefined) return done(choices.filter(one => one.startsWith(current)));
			const names = new Set([...records(architectureNames, [...kernelContexts, ...postingContexts])].map(({name}) => name));
			done([...names].filter(name => name.startsWith(current)).sort());
		});
	await parser.parseAsync([...argv], {}, (_error: unknown, _args: unknown, text: string) => {
		output = text;
	});
	if (output !== '') await io.stdout.write(`${output}\n`);
	return 0;
}

/** The `abi` command. @returns 0 found, 1 not found, 2 bad usage */
export async function main(argv: readonly string[], io: Io): Promise<number> {
	try {
		if (argv.some((word, i) => YARGS_ONLY.has(word) && (word !== 'completion' || i === 0))) return await byYargs(argv, io);
		const {question, format} = parse(argv);
		await io.stdout.write(printers[format]!(answersTo(question)));
		return 0;
	} catch (error) {
		if (!(error instanceof UsageError) && !(error instanceof NotFound)) throw error;
		await io.stderr.write(`abi: ${error.message}\n`);
		return error instanceof NotFound ? 1 : 2;
	}
}

run(main, import.meta.url);
