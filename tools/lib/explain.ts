import type {mm_struct} from '../../include/linux/mm_types.ts';
import {u64} from '../../include/linux/types.ts';
import {EVENT, EVENTS} from '../../kernel/events.ts';
import {find_vma} from '../../mm/mmap.ts';
import {permissions, rss, show_smap_vma_flags, shownStart} from '../../mm/task_mmu.ts';
import {vmstat} from '../../mm/vmstat.ts';
import type {Mismatch} from './check.ts';
import {hex, newPageState, observe, type PageState, WORD_BIT, WORDS} from '../../kernel/observe.ts';
import {type Difference, type Reason, reasonsOf, type RowOfTrace, type Surroundings} from './report.ts';
import {FIELD, type TraceReader} from './scan.ts';
import {type Onlooker, readerFor, Session, type SessionOptions} from './session.ts';
import type {Source} from './source.ts';

// Why a row differs. Nothing is kept for this while rows run: the trace is gone through again, up to the difference, with somebody who looks on.

const toText = new TextDecoder('utf-8', {ignoreBOM: true});

export function rowText(row: TraceReader): string {
	return toText.decode(row.rawBytes.subarray(row.rawStart, row.rawEnd));
}

/** The line end of a record, which the last one may not have. */
export function lineEnd(row: TraceReader): string {
	return toText.decode(row.rawBytes.subarray(row.rawEnd, row.rawEnd + row.lineEndLength));
}

/** A difference as it was found, before it is explained. */
export interface Finding {
	readonly difference: Difference;
	readonly mismatch: Mismatch;
	/** Name of the counter, for `vmstat`. */
	readonly counter: string;
	/** Addresses to look around, page-aligned. */
	readonly addresses: readonly number[];
}

/** Notes a mismatch, with all that is known at that moment. */
export function finding(row: TraceReader, session: Session, mismatch: Mismatch): Finding {
	const difference: Difference = {
		line: row.line,
		event: EVENTS[row.event]!.name,
		row: rowText(row),
		task: row.task,
		word: mismatch.word,
		recorded: mismatch.recorded,
		model: mismatch.model,
		address: mismatch.address === null ? null : hex(mismatch.address),
		reasons: isObservation(row) ? [] : reasonsOf(session.machine),
		setBy: null,
		surroundings: null,
		note: null,
	};
	return {difference, mismatch, counter: row.event === EVENT.vmstat ? row.text(FIELD.a0) : '', addresses: addressesOf(row, session, mismatch)};
}

function isObservation(row: TraceReader): boolean {
	return row.event >= EVENT.pte;
}

/** What a row is about: the page that differs, or else the first two arguments of a call that are addresses of vmas. */
function addressesOf(row: TraceReader, session: Session, mismatch: Mismatch): number[] {
	const {PAGE_SIZE, TASK_SIZE} = session.machine.arch;
	if (mismatch.address !== null) return [mismatch.address - (mismatch.address & (PAGE_SIZE - 1))];
	if (isObservation(row)) return [];
	const moves = row.event === EVENT.remap_anon_pages, addresses: number[] = [];
	for (let i = 0; i < (moves ? 2 : 1); i++) {
		const address = u64(row.lo[i]!, row.hi[i]!);
		if ((row.given & (1 << i)) !== 0 && address < TASK_SIZE) addresses.push(address - (address & (PAGE_SIZE - 1)));
	}
	return addresses;
}

const state: PageState = newPageState();

/** Words of which one holds where another does not: they change together. */
const together: readonly number[] = [
	WORD_BIT.none | WORD_BIT.present | WORD_BIT.swap | WORD_BIT.migration | WORD_BIT.nonlinear, WORD_BIT.huge | WORD_BIT.base, WORD_BIT.rw | WORD_BIT.ro,
	WORD_BIT.dirty | WORD_BIT.clean, WORD_BIT.young | WORD_BIT.old, WORD_BIT.anon | WORD_BIT.file | WORD_BIT.zero,
];

/** The value of a word at a page, as something that can be compared. */
function pageValue(mm: mm_struct, address: number, word: string): string | number {
	observe(mm, address, state);
	if (word === 'data') return state.hasData ? `${state.data_hi}:${state.data_lo}` : 'none';
	if (word in state) return state[word as 'pfn'];
	const bit = 1 << (WORDS as readonly string[]).indexOf(word), group = together.find(words => (words & bit) !== 0) ?? bit;
	return (state.words & group) === WORD_BIT.none ? 'none' : `words ${state.words & group}`;
}

/** The value of a word of the vma at an address. */
function vmaValue(mm: mm_struct, address: number, word: string): string {
	const vma = find_vma(mm, address);
	if (vma === null || vma.vm_start > address) return 'none';
	if (word === 'vma') return `${vma.vm_start}-${vma.vm_end}`;
	return word === 'rights' ? permissions(vma) : String(show_smap_vma_flags(vma).includes(word));
}

/** The value of what a difference is about, or undefined while it has none. */
function valueOf({difference, mismatch, counter}: Finding, session: Session): string | number | undefined {
	if (difference.event === 'vmstat') return vmstat(session.machine, counter);
	const mm = session.machine.tasks.get(difference.task)?.mm;
	if (mm == null) return undefined;
	if (difference.event === 'rss') return rss(mm)[mismatch.word as 'anon'];
	if (difference.event === 'map_count') return mm.map_count;
	if (mismatch.address === null) return undefined;
	return difference.event === 'vma' ? vmaValue(mm, mismatch.address, mismatch.word) : pageValue(mm, mismatch.address, mismatch.word);
}

/** Looks for the row that gave each word its value. */
class Setters implements Onlooker {
	private readonly findings: readonly Finding[];
	private readonly values: (string | number | undefined)[];
	readonly setters: ((RowOfTrace & {reasons: Reason[]}) | null)[];
	private readonly last: number;

	constructor(findings: readonly Finding[]) {
		this.findings = findings;
		this.values = findings.map(() => undefined);
		this.setters = findings.map(() => null);
		this.last = findings.at(-1)!.difference.line;
	}

	afterRow(row: TraceReader, session: Session): boolean {
		if (isObservation(row)) return row.line < this.last;
		for (let i = 0; i < this.findings.length; i++) {
			const found = this.findings[i]!;
			// a row that differs itself is its own explanation, unless it read what another one had written
			if (row.line > found.difference.line || (row.line === found.difference.line && found.mismatch.word === 'data')) continue;
			const value = valueOf(found, session);
			if (value === this.values[i]) continue;
			const isFirst = this.values[i] === undefined;
			this.values[i] = value;
			// what holds from the beginning was set by nobody
			if (!isFirst || !isNothing(value)) this.setters[i] = {line: row.line, text: rowText(row), reasons: reasonsOf(session.machine)};
		}
		return row.line < this.last;
	}
}

/** The value that a word has before anything happened. */
function isNothing(value: string | number | undefined): boolean {
	return value === undefined || value === 0 || value === -1 || value === 'none' || value === 'false' || value === '0:0' || value === 'words 0';
}

/** Writes down what is around addresses, before and after a row. */
class Snapshots implements Onlooker {
	private readonly wanted: Map<number, Finding[]>;
	private readonly last: number;
	readonly before = new Map<Finding, string[]>();
	readonly after = new Map<Finding, string[]>();

	/** @param lines - of the rows to stand around, by finding */
	constructor(lines: ReadonlyMap<Finding, number>) {
		this.wanted = new Map();
		for (const [found, line] of lines) this.wanted.set(line, [...this.wanted.get(line) ?? [], found]);
		this.last = Math.max(...lines.values());
	}

	beforeRow(row: TraceReader, session: Session): void {
		for (const found of this.wanted.get(row.line) ?? []) this.before.set(found, surroundings(found, session));
	}

	afterRow(row: TraceReader, session: Session): boolean {
		for (const found of this.wanted.get(row.line) ?? []) this.after.set(found, surroundings(found, session));
		return row.line < this.last;
	}
}

/** Pages before and behind an address that are shown. */
const PAGES_AROUND = 1;

/** The vmas and the entries around the addresses of a finding. */
function surroundings({difference, addresses}: Finding, session: Session): string[] {
	const mm = session.machine.tasks.get(difference.task)?.mm;
	if (mm == null) return [`task ${difference.task} is not there`];
	return addresses.flatMap(address => [...vmasAround(mm, address), ...entriesAround(mm, address, session)]);
}

function vmasAround(mm: mm_struct, address: number): string[] {
	const at = find_vma(mm, address);
	if (at === null || at.vm_start > address) return [`vma ${hex(address)} none`];
	return [at.vm_prev, at, at.vm_next].filter(vma => vma !== null && (vma === at || vma.vm_end === at.vm_start || vma.vm_start === at.vm_end))
		.map(vma => `vma ${hex(shownStart(vma!))}-${hex(vma!.vm_end)} ${permissions(vma!)} ${show_smap_vma_flags(vma!).join(' ')}`);
}

function entriesAround(mm: mm_struct, address: number, session: Session): string[] {
	const {PAGE_SIZE, TASK_SIZE} = mm.arch, lines: string[] = [];
	for (let i = -PAGES_AROUND; i <= PAGES_AROUND; i++) {
		const at = address + i * PAGE_SIZE;
		if (at >= 0 && at < TASK_SIZE) lines.push(`pte ${hex(at)} ${session.observer.describe(mm, at)}`);
	}
	return lines;
}

/** Goes through a trace again, without output. */
async function rerun(source: Source, options: SessionOptions, onlooker: Onlooker): Promise<void> {
	const reader = readerFor(source.name, new Session({...options, keepGoing: true}, onlooker));
	for await (const chunk of source.open()) if (!reader.push(chunk)) return;
	reader.end();
}

/** Differences of one trace that are explained; the others are only told. */
const EXPLAINED = 20;

/**
 * Says for each difference which row set the word, and what was around it.
 *
 * @param findings - in the order of their lines
 */
export async function explain(source: Source, options: SessionOptions, findings: readonly Finding[]): Promise<Difference[]> {
	const some = findings.slice(0, EXPLAINED), rest = findings.slice(EXPLAINED).map(({difference}) => ({...difference, note: 'only the first 20 differences of a trace are explained'}));
	if (some.length === 0) return [];
	if (!source.canReopen()) return findings.map(({difference}) => ({...difference, note: 'not explained: the trace came through a pipe and is too long to be kept'}));
	const setters = new Setters(some);
	await rerun(source, options, setters);
	const lines = new Map(some.map((found, i) => [found, setters.setters[i]?.line ?? found.difference.line]));
	const snapshots = new Snapshots(lines);
	await rerun(source, options, snapshots);
	return [...some.map((found, i) => {
		const around: Surroundings | null = found.addresses.length === 0 ? null
			: {line: lines.get(found)!, before: snapshots.before.get(found) ?? [], after: snapshots.after.get(found) ?? []};
		return {...found.difference, setBy: setters.setters[i]!, surroundings: around};
	}), ...rest];
}
