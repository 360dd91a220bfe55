import {EFAULT_SIGNAL, type Outcome} from '../../kernel/dispatch.ts';
import {EVENT} from '../../kernel/events.ts';
import {OOM, SIGBUS, SIGSEGV} from '../../arch/x86/fault.ts';
import {errnoName} from '../../include/asm-generic/errno.ts';
import type {Numbers} from '../../include/linux/abi.ts';
import type {Machine} from '../../include/linux/machine.ts';
import type {mm_struct, vm_area_struct} from '../../include/linux/mm_types.ts';
import {HANG, TWO_32, u64} from '../../include/linux/types.ts';
import {isVmFlagsWord, permissions, rss, show_smap_vma_flags, shownStart} from '../../mm/task_mmu.ts';
import {vmstat} from '../../mm/vmstat.ts';
import {find_vma} from '../../mm/mmap.ts';
import type {Bindings, Kind} from './bind.ts';
import {describe, formatWords, hex, joinWords, newPageState, nothingUntil, NUMBERS, observe, type PageState, WORD_BIT, WORDS} from '../../kernel/observe.ts';
import {bytesEqual, FIELD, parseInteger, SymbolTable, type TraceReader} from './scan.ts';

/** What a row has and the model has not. */
export interface Mismatch {
	/** The word, or what stands for one: `result`, `data`, `vma`. */
	readonly word: string;
	readonly recorded: string;
	readonly model: string;
	/** The page where it is, if it is one. */
	readonly address: number | null;
}

// results of calls and accesses

const errnoTables = new WeakMap<Numbers, SymbolTable>();

function errnoTable({errnos}: Machine): SymbolTable {
	let table = errnoTables.get(errnos);
	if (table === undefined) errnoTables.set(errnos, table = new SymbolTable(errnos));
	return table;
}

const signals: readonly (readonly [number, string])[] = [[SIGBUS, 'SIGBUS'], [SIGSEGV, 'SIGSEGV'], [OOM, 'OOM'], [EFAULT_SIGNAL, '-EFAULT']];

/** What a call returned, as a trace writes it. */
export function formatReturn(m: Machine, ret: number): string {
	if (ret === HANG) return 'hang';
	if (ret < 0) return errnoName(ret, m.errnos);
	return ret >= 65536 ? hex(ret) : String(ret);
}

/** How an access ended, as a trace writes it. */
export function formatSignal(out: Outcome): string {
	if (out.signal === 0) return 'ok';
	const name = signals.find(([signal]) => signal === out.signal)![1];
	return out.signal === SIGBUS || out.signal === SIGSEGV ? `${name}@${formatWords(out.address_lo, out.address_hi)}` : name;
}

/** The result of a call is what the model returned. Refuses what is no result of a call. */
function returned(m: Machine, row: TraceReader, ret: number): boolean {
	if (row.resultInteger()) {
		if (ret < 0) return row.resultLo === (ret | 0) && row.resultHi === -1;
		return row.resultLo === (ret | 0) && row.resultHi === ((ret / TWO_32) | 0);
	}
	if (row.resultIs('hang')) return ret === HANG;
	if (row.resultIs('BUG')) return false;
	const start = row.fieldStart[FIELD.result]!, end = row.fieldEnd[FIELD.result]!, numbers = errnoTable(m);
	const error = row.bytes[start] === 0x2d ? numbers.find(row.bytes, start + 1, end) : -1;
	if (error < 0) return row.fail(FIELD.result, 'an integer or an error');
	return numbers.lo[error] === -ret;
}

/** The result of an access is how the model's ended. Refuses what is no result of an access. */
function ended(row: TraceReader, out: Outcome): boolean {
	if (row.resultIs('ok')) return out.signal === 0;
	// nearly always it is what the model has
	if (out.signal === SIGBUS && row.resultSignal('SIGBUS')) {
		return !row.resultHasAddress || (row.resultLo === out.address_lo && row.resultHi === out.address_hi);
	}
	if (row.resultIs('BUG')) return false;
	for (const [signal, name] of signals) {
		if (!row.resultSignal(name)) continue;
		return out.signal === signal && (!row.resultHasAddress || (row.resultLo === out.address_lo && row.resultHi === out.address_hi));
	}
	return row.fail(FIELD.result, 'ok, SIGBUS, SIGSEGV, OOM or -EFAULT');
}

/** The result of `collapse` is whether there is a huge page now. */
function collapsed(row: TraceReader, ret: number): boolean {
	if (row.resultIs('ok')) return ret === 1;
	return row.resultIs('fail') ? ret === 0 : row.fail(FIELD.result, 'ok or fail');
}

/** How a row ended, as a trace writes it. */
export function formatOutcome(m: Machine, event: number, out: Outcome, isCall: boolean): string {
	if (event === EVENT.collapse) return out.ret === 1 ? 'ok' : 'fail';
	return isCall ? formatReturn(m, out.ret) : formatSignal(out);
}

/** Compares the result of a row that did something. @returns null if it agrees, or nothing was recorded */
export function checkOutcome(m: Machine, row: TraceReader, out: Outcome, isCall: boolean): Mismatch | null {
	if (out.bug !== null) return row.resultIs('BUG') || !row.resultGiven() ? null : {word: 'result', recorded: resultText(row), model: 'BUG', address: null};
	if (row.event === EVENT.fault && out.error_code !== row.lo[1]) {
		const model = out.error_code < 0 ? 'no fault' : `a fault with error code ${hex(out.error_code)}`;
		return {word: 'fault', recorded: `a fault with error code ${hex(row.lo[1]!)}`, model, address: u64(row.lo[0]!, row.hi[0]!)};
	}
	if (row.resultGiven()) {
		const same = row.event === EVENT.collapse ? collapsed(row, out.ret) : isCall ? returned(m, row, out.ret) : ended(row, out);
		if (!same) return {word: 'result', recorded: resultText(row), model: formatOutcome(m, row.event, out, isCall), address: null};
	}
	if (!out.wrong_token) return null;
	const address = joinWords(out.address_lo, out.address_hi);
	return {word: 'data', recorded: `data=${formatWords(row.lo[2]!, row.hi[2]!)}`, model: `data=${formatWords(out.token_lo, out.token_hi)}`, address};
}

export function resultText(row: TraceReader): string {
	return row.text(FIELD.result);
}

// observations

const wordTable = new SymbolTable(Object.fromEntries(WORDS.map((word, bit) => [word, bit])));
const numberTable = new SymbolTable(Object.fromEntries(NUMBERS.map((word, i) => [word, i])));
const BANG = 0x21, EQUALS = 0x3d;

/** What a `pte` row asks for. One object serves for all. */
class Expected {
	must = 0;
	mustNot = 0;
	/** Bit i: `NUMBERS[i]` is asked for. */
	numbers = 0;
	readonly lo = new Int32Array(NUMBERS.length);
	readonly hi = new Int32Array(NUMBERS.length);
	private readonly words = {lo: 0, hi: 0};

	/** Reads the words of the row's result. */
	read(row: TraceReader): void {
		this.must = 0;
		this.mustNot = 0;
		this.numbers = 0;
		row.rewindWords();
		while (row.nextWord()) this.readWord(row, row.wordStart, row.wordEnd);
		if (this.must === 0 && this.mustNot === 0 && this.numbers === 0) row.fail(FIELD.result, 'words of a page');
	}

	private readWord(row: TraceReader, start: number, end: number): void {
		const {bytes} = row, not = bytes[start] === BANG, word = wordTable.find(bytes, not ? start + 1 : start, end);
		if (word >= 0) {
			if (not) this.mustNot |= 1 << word;
			else this.must |= 1 << word;
			return;
		}
		const equals = bytes.indexOf(EQUALS, start), number = equals >= 0 && equals < end ? numberTable.find(bytes, start, equals) : -1;
		if (number < 0 || !parseInteger(bytes, equals + 1, end, this.words)) return row.fail(FIELD.result, 'words of a page');
		this.numbers |= 1 << number;
		this.lo[number] = this.words.lo;
		this.hi[number] = this.words.hi;
	}
}

/** What a `pte` row looks at. */
export interface PageRun {
	start: number;
	/** Exclusive. */
	end: number;
}

/** Reads the run of pages of a `pte` row. Refuses what is none, or does not end in the address space. */
export function runOf(row: TraceReader, mm: mm_struct, run: PageRun): void {
	const {PAGE_SIZE, ULONG_RANGE} = mm.arch, address = u64(row.lo[0]!, row.hi[0]!), pages = u64(row.lo[1]!, row.hi[1]!);
	if ((address & (PAGE_SIZE - 1)) !== 0) row.fail(FIELD.a0, 'a page-aligned address');
	if (pages === 0 && (row.given & 2) !== 0) row.fail(FIELD.a1, 'a number of pages, 1 or more');
	run.start = address;
	run.end = address + Math.max(1, pages) * PAGE_SIZE;
	if (run.end > ULONG_RANGE) row.fail(FIELD.a1, 'a number of pages that ends in the address space');
}

/** Compares what rows observe with the model. */
export class Observer {
	private readonly machine: Machine;
	private readonly names: Bindings;
	private readonly expected = new Expected();
	private readonly state: PageState = newPageState();
	private readonly run: PageRun = {start: 0, end: 0};
	/** Past a difference: a name that met another object is bound anew. */
	keepGoing = false;

	constructor(machine: Machine, names: Bindings) {
		this.machine = machine;
		this.names = names;
	}

	/** Compares a `pte`, `vma`, `map_count`, `rss` or `vmstat` row. @returns null if it agrees, or nothing was recorded */
	check(row: TraceReader, mm: mm_struct | null): Mismatch | null {
		if (row.event === EVENT.pte) runOf(row, mm!, this.run);
		else if (row.event === EVENT.vmstat) vmstatCount(row, this.machine);
		if (!row.resultGiven()) return null;
		switch (row.event) {
			case EVENT.pte: return this.checkRun(row, mm!);
			case EVENT.vma: return checkVma(row, mm!);
			case EVENT.map_count: return count(row, mm!.map_count);
			case EVENT.rss: return checkRss(row, mm!);
			default: return count(row, vmstatCount(row, this.machine));
		}
	}

	/** Every page of the run must be as the row says; frames, slots and indexes rise from page to page. */
	private checkRun(row: TraceReader, mm: mm_struct): Mismatch | null {
		const {expected, state} = this, {PAGE_SIZE} = mm.arch, {start, end} = this.run;
		expected.read(row);
		for (let at = start; at < end;) {
			observe(mm, at, state);
			const agrees = (state.words & expected.must) === expected.must && (state.words & expected.mustNot) === 0 && expected.numbers === 0;
			const mismatch = agrees ? null : this.checkWords(at) ?? this.checkNumbers(at, (at - start) / PAGE_SIZE);
			if (mismatch !== null) return mismatch;
			at = state.words === WORD_BIT.none ? nothingUntil(mm, at) : at + PAGE_SIZE;
		}
		return null;
	}

	private checkWords(address: number): Mismatch | null {
		const {must, mustNot} = this.expected, {words} = this.state, missing = must & ~words, unwanted = mustNot & words;
		if (missing === 0 && unwanted === 0) return null;
		const bit = 31 - Math.clz32((missing | unwanted) & -(missing | unwanted)), word = WORDS[bit]!;
		const isMissing = (missing & (1 << bit)) !== 0;
		return {word, recorded: isMissing ? word : `!${word}`, model: isMissing ? insteadOf(bit, words) : word, address};
	}

	private checkNumbers(address: number, offset: number): Mismatch | null {
		const {numbers} = this.expected;
		for (let i = 0; i < NUMBERS.length; i++) {
			if ((numbers & (1 << i)) === 0) continue;
			const mismatch = this.checkNumber(i, address, offset);
			if (mismatch !== null) return mismatch;
		}
		return null;
	}

	private checkNumber(i: number, address: number, offset: number): Mismatch | null {
		const {lo, hi} = this.expected, {state} = this, word = NUMBERS[i]!;
		if (word === 'data') {
			if (state.hasData && state.data_lo === lo[i] && state.data_hi === hi[i]) return null;
			const model = state.hasData ? `data=${formatWords(state.data_lo, state.data_hi)}` : 'no data';
			return {word, recorded: `data=${formatWords(lo[i]!, hi[i]!)}`, model, address};
		}
		const rises = word === 'pfn' || word === 'entry' || word === 'index' || word === 'pgoff';
		const recorded = joinWords(lo[i]!, hi[i]!) + (rises ? offset : 0);
		if (word === 'pfn' || word === 'entry' || word === 'anon_vma') return this.checkName(word, recorded, state[word], address);
		const model = state[word];
		return model === recorded ? null : {word, recorded: `${word}=${recorded}`, model: model < 0 ? `no ${word}` : `${word}=${model}`, address};
	}

	private checkName(word: Kind, name: number, object: number, address: number): Mismatch | null {
		if (object !== 0 && this.names.meet(word, name, object)) return null;
		const mismatch = {word, recorded: `${word}=${name}`, model: object === 0 ? `no ${word}` : `${word}=${this.callObject(word, object)}`, address};
		if (object !== 0 && this.keepGoing) this.names.bind(word, name, object);
		return mismatch;
	}

	/** What the recording calls an object; one that has no name is told so. */
	callObject(kind: Kind, object: number): string {
		const name = this.names.nameOf(kind, object);
		return name === undefined ? `?${object}` : String(name);
	}

	/** What is at an address, with the recording's names. */
	describe(mm: mm_struct, address: number): string {
		observe(mm, address, this.state);
		return describe(this.state, (kind, object) => this.callObject(kind, object));
	}
}

/** The words of which one holds where another does not. */
const opposites: readonly (readonly number[])[] = [
	[WORD_BIT.none, WORD_BIT.present, WORD_BIT.swap, WORD_BIT.migration, WORD_BIT.nonlinear],
	[WORD_BIT.huge, WORD_BIT.base], [WORD_BIT.rw, WORD_BIT.ro], [WORD_BIT.dirty, WORD_BIT.clean], [WORD_BIT.young, WORD_BIT.old],
	[WORD_BIT.anon, WORD_BIT.file, WORD_BIT.zero],
];

/** What holds in place of a word that does not. */
function insteadOf(bit: number, words: number): string {
	const other = opposites.find(group => group.includes(1 << bit))?.find(member => (words & member) !== 0);
	if (other !== undefined) return WORDS[31 - Math.clz32(other)]!;
	return `!${WORDS[bit]}`;
}

/** The vma that a row means: the one that /proc shows from START to END. */
function vmaAt(mm: mm_struct, start: number, end: number): vm_area_struct | null {
	const vma = find_vma(mm, start);
	return vma !== null && shownStart(vma) === start && vma.vm_end === end ? vma : null;
}

/** The vmas that meet a range, as text. */
function vmasIn(mm: mm_struct, start: number, end: number): string {
	const found: string[] = [];
	for (let vma = find_vma(mm, start); vma !== null && vma.vm_start < end && found.length < 4; vma = vma.vm_next) {
		found.push(`${hex(shownStart(vma))}-${hex(vma.vm_end)}`);
	}
	return found.length === 0 ? 'no vma there' : found.join(', ');
}

function checkVma(row: TraceReader, mm: mm_struct): Mismatch | null {
	const start = u64(row.lo[0]!, row.hi[0]!), end = u64(row.lo[1]!, row.hi[1]!), [rights, ...words] = resultText(row).split(' ').filter(word => word !== '');
	const badWord = words.find(word => !isVmFlagsWord(word.replace(/^!/, '')));
	if (rights === undefined || !/^[r-][w-][x-][sp]$/.test(rights) || badWord !== undefined) return row.fail(FIELD.result, 'rights and words of VmFlags');
	const vma = vmaAt(mm, start, end);
	if (vma === null) return {word: 'vma', recorded: `${hex(start)}-${hex(end)}`, model: vmasIn(mm, start, end), address: start};
	if (permissions(vma) !== rights) return {word: 'rights', recorded: rights, model: permissions(vma), address: start};
	const set = show_smap_vma_flags(vma), listed = words.filter(word => !word.startsWith('!'));
	for (const word of listed) if (!set.includes(word)) return {word, recorded: word, model: `!${word}`, address: start};
	for (const word of words) if (word.startsWith('!') && set.includes(word.slice(1))) return {word: word.slice(1), recorded: word, model: word.slice(1), address: start};
	// a recording carries every word that its kernel shows
	const more = listed.length === 0 ? undefined : set.find(word => !listed.includes(word));
	return more === undefined ? null : {word: more, recorded: `!${more}`, model: more, address: start};
}

function count(row: TraceReader, model: number): Mismatch | null {
	if (!row.resultInteger()) return row.fail(FIELD.result, 'a number');
	const recorded = joinWords(row.resultLo, row.resultHi);
	return recorded === model ? null : {word: 'count', recorded: resultText(row), model: String(model), address: null};
}

function vmstatCount(row: TraceReader, m: Machine): number {
	const model = vmstat(m, row.text(FIELD.a0));
	return model < 0 ? row.fail(FIELD.a0, 'a counter of vmstat') : model;
}

const rssWord = {lo: 0, hi: 0};

function checkRss(row: TraceReader, mm: mm_struct): Mismatch | null {
	const model = rss(mm);
	let read = 0;
	row.rewindWords();
	while (row.nextWord()) {
		const equals = row.bytes.indexOf(EQUALS, row.wordStart), member = (['anon', 'file', 'swap'] as const)
			.find(name => equals < row.wordEnd && bytesEqual(row.bytes, row.wordStart, equals, name));
		if (equals < 0 || member === undefined || !parseInteger(row.bytes, equals + 1, row.wordEnd, rssWord)) return row.fail(FIELD.result, 'anon=N file=N swap=N');
		read++;
		const recorded = joinWords(rssWord.lo, rssWord.hi);
		if (recorded !== model[member]) return {word: member, recorded: `${member}=${recorded}`, model: `${member}=${model[member]}`, address: null};
	}
	return read === 0 ? row.fail(FIELD.result, 'anon=N file=N swap=N') : null;
}
