-- Hundreds of orders in which a connection's two ends send, shut down, close, abort and are reset: packets, errors, poll bits, counters.
-- An order is a text.  ';' lets packets arrive, ',' does not: 'A close, B close; A <rst' is a simultaneous close, then a forged RST
-- for A.  All orders of a phase go on side by side, each with a pair of ports of its own.

experiment{settle = 0.02}
for _, h in ipairs{A, B} do h:sysctl('net.ipv4.tcp_no_metrics_save', 1) end -- timeouts go by this connection's round trip, not a former one's

local MOMENT <const> = 0.06 -- longer than an ACK is delayed, shorter than the first retransmission
local ROUTER <const> = '198.18.0.77'
local states <const> = {'ESTAB', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT', 'CLOSE', 'CLOSE-WAIT', 'LAST-ACK',
	'LISTEN', 'CLOSING'}
local other <const> = {A = 'B', B = 'A'}

-- ---- an order's own wire ----
local of_port = {} -- by the port of its end A

-- What a direction has said so far: isn; sent and next, behind the last byte that it sent and that arrived; lost: nothing more arrives
local function direction() return {said = {}, packets = 0} end

local function relative(n, isn) return isn and (n - isn) & 0xffffffff or n end

local function later(a, b) return (not a or (b - a) & 0xffffffff < 0x80000000) and b or a end

local function packet_text(p, mine, yours)
	-- a RST that acknowledges has no number of its own
	local text = p.seq == 0 and 'zero' or tostring(relative(p.seq, mine.isn))
	text = p.flags .. ' ' .. text
	if p.len > 0 then text = ('%s+%d'):format(text, p.len) end
	if p:has('.') then text = ('%s ack %d'):format(text, relative(p.ack, yours.isn)) end
	return text
end

wire.rule(function(p)
	if p.proto ~= 6 then return end
	local o = of_port[p.from == 'A' and p.sport or p.dport]
	if not o then return end
	local mine, yours = o.wire[p.from], o.wire[p.to]
	if p:has('S') then mine.isn = p.seq end
	local last = (p.seq + p.len + (p:has('S') and 1 or 0) + (p:has('F') and 1 or 0)) & 0xffffffff
	if not p:has('R') then
		mine.sent = later(mine.sent, last)
		if not mine.lost then mine.next = later(mine.next, last) end
	end
	mine.packets, mine.raw = mine.packets + 1, p.raw
	mine.said[#mine.said + 1] = packet_text(p, mine, yours) .. (mine.lost and ' lost' or '')
	if mine.lost then return 'drop' end
end)

-- ---- what an end can do ----
local function answer(value, _, code)
	if type(value) == 'string' then return #value end
	return code or value == true and 0 or value
end

-- A segment for this end as if from the other one
local function forge(o, x, flags, offset, data, ack, win)
	local from, to = o.wire[other[x]], o.wire[x]
	local h, peer = _G[x], _G[other[x]]
	-- of an end that has said nothing, the other one knows nothing
	h:inject(tcp{src = peer.addr, dst = h.addr, sport = o.port[other[x]], dport = o.port[x], flags = flags, data = data,
		seq = ((from.next or 0) + offset) & 0xffffffff, ack = ack or to.sent, win = win or 60})
	return 'forged'
end

local positions <const> = {['exact'] = 0, ['next'] = 1, ['in'] = 1000, ['left'] = -1, ['out'] = 1 << 20, ['far left'] = -(1 << 20)}

local verbs = {
	send = function(s) return answer(s:send_now('hello')) end,
	more = function(s) return answer(s:send_now('hello', 0x8000)) end, -- MSG_MORE: stays unsent
	big = function(s) return answer(s:send_now(('x'):rep(10000))) end,
	recv = function(s) return answer(s:recv_now(100)) end,
	take = function(s) return answer(s:recv_now(2)) end,
	peek = function(s) return answer(s:recv_now(100, 2)) end,
	r = function(s) return answer(s:shutdown('r')) end,
	w = function(s) return answer(s:shutdown('w')) end,
	rw = function(s) return answer(s:shutdown('rw')) end,
	error = function(s) return answer(s:error()) end,
	zero = function(s) return answer(s:linger(0)) end,
	syncnt = function(s) return answer(s:set('TCP_SYNCNT', 1)) end, -- 3 s
	linger = function(s, o, x, seconds)
		o.lingers[x] = true
		return answer(s:linger(math.tointeger(seconds)))
	end,
	block = function(s) return answer(s:blocking()) end,
	linger2 = function(s) return answer(s:set('TCP_LINGER2', -1)) end,
	close = function(s, o, x)
		if not o.lingers[x] then return answer(s:close()) end
		local c = {began = now()}
		o.closing[x] = c
		return answer(s:close_start(function() c.took = now() - c.began end))
	end,
	abort = function(s)
		s:linger(0)
		return answer(s:close())
	end,
	connect = function(s, o, x) return answer(s:connect_start(_G[other[x]].addr, o.port[other[x]])) end,
	nowhere = function(s) return answer(s:connect_start('203.0.113.1', 9)) end,
	listen = function(s) return answer(s:listen(3)) end,
	accept = function(s, o, x)
		local child, message, code = s:accept(0)
		if child then o.ends[x], o.listener = child, s end
		return child and 0 or answer(nil, message, code)
	end,
	lose = function(_, o, x) -- what it says from now on
		o.wire[x].lost = true
		return 0
	end,
	heal = function(_, o, x)
		o.wire[x].lost = nil
		return 0
	end,
	['<rst'] = function(_, o, x, where) return forge(o, x, 'R', positions[where]) end,
	['<rst ack'] = function(_, o, x, where) return forge(o, x, 'R.', positions[where]) end,
	['<syn'] = function(_, o, x, where) return forge(o, x, 'S', positions[where]) end,
	['<fin'] = function(_, o, x, where) return forge(o, x, 'F.', positions[where]) end,
	['<data'] = function(_, o, x, where) return forge(o, x, 'P.', positions[where], 'forged') end,
	['<ack'] = function(_, o, x, where) return forge(o, x, '.', positions[where]) end,
	['<stale'] = function(_, o, x, where) return forge(o, x, '.', positions[where], nil, o.wire[x].isn) end,
	['<shut'] = function(_, o, x, where) return forge(o, x, '.', positions[where], nil, nil, 0) end, -- its window, that is
	['<deaf data'] = function(_, o, x, where) return forge(o, x, 'P.', positions[where], 'forged', o.wire[x].isn + 1) end,
	['<deaf fin'] = function(_, o, x, where) return forge(o, x, 'F.', positions[where], nil, o.wire[x].isn + 1) end,
	['<early'] = function(_, o, x, where) return forge(o, x, '.', positions[where], nil, o.wire[x].sent + 1000) end,
	['<icmp'] = function(_, o, x, what)
		local type, code = what:match('(%d+)/(%d+)')
		_G[x]:inject(icmp{src = ROUTER, dst = _G[x].addr, type = math.tointeger(type), code = math.tointeger(code),
			data = o.wire[x].raw:sub(1, 68)})
		return 'forged'
	end,
}

-- 'A <rst exact': who, which verb, its argument
local function parse(call)
	local x, rest = call:match('^([AB]) (.+)$')
	if verbs[rest] then return x, rest end
	local verb, arg = rest:match('^(<%S+ %S+) (.+)$')
	if not verbs[verb] then verb, arg = rest:match('^(%S+) (.+)$') end
	if not verbs[verb] then error('no such call: ' .. call) end
	return x, verb, arg
end

local poll_names <const> = {{0x1, 'in'}, {0x2, 'pri'}, {0x4, 'out'}, {0x8, 'err'}, {0x10, 'hup'}, {0x2000, 'rdhup'}}

-- What is left of a socket whose close() may wait, and when that has come back
local function left(o, x, rows)
	local c, said = o.closing[x], {x}
	if not c then return end
	for _, r in ipairs(rows[x]) do
		local lport, rport = r.port, r.peer_port
		if lport == o.port[x] and (rport == o.port[other[x]] or r.state == 'LISTEN') then
			said[#said + 1] = r.state .. (r.program and ' held' or '')
		end
	end
	if c.took and not c.told then
		said[#said + 1] = ('close() took %.1f s'):format(round(5 * c.took) / 5) -- as exact as the kernel's timers
		c.told = true
	end
	return #said > 1 and table.concat(said, ' ') or x .. ' -'
end

local function looks(x, s)
	if not s or s.fd < 0 then return x .. ' -' end
	local mask, names = s:poll(), {}
	for _, n in ipairs(poll_names) do
		if mask & n[1] ~= 0 then names[#names + 1] = n[2] end
	end
	return ('%s %s %s'):format(x, states[s:info().state], #names > 0 and table.concat(names, ' ') or 'quiet')
end

local function moment_calls(o, moment)
	local said = {}
	for call in moment:gmatch('[^,]+') do
		local x, verb, arg = parse(call:match('^%s*(.-)%s*$'))
		local there = arg and verb ~= 'linger' or verb == 'lose' or verb == 'heal' or o.ends[x].fd >= 0
		said[#said + 1] = ('%s: %s'):format(call:match('^%s*(.-)%s*$'), there and verbs[verb](o.ends[x], o, x, arg) or 'gone')
	end
	return table.concat(said, ', ')
end

local function moment_seen(o, rows)
	local seen = {}
	for _, x in ipairs{'A', 'B'} do
		if #o.wire[x].said > 0 then seen[#seen + 1] = ('%s>%s %s'):format(x, other[x], table.concat(o.wire[x].said, ', ')) end
		o.wire[x].said = {}
	end
	for _, x in ipairs{'A', 'B'} do seen[#seen + 1] = rows and left(o, x, rows) or looks(x, o.ends[x]) end
	return table.concat(seen, ' | ')
end

-- ---- phases: many orders side by side ----
local next_port = 20000
local total, known = 0, {}

local function order_new(text)
	local o = {text = text, lines = list(), moments = {}, wire = {A = direction(), B = direction()}, ends = {}, lingers = {},
		closing = {}}
	for m in text:gmatch('[^;]+') do o.moments[#o.moments + 1] = m end
	o.port = {A = next_port, B = 9000}
	of_port[next_port] = o
	next_port = next_port + 1
	return o
end

-- All at once; or one by one, where timers will fire that go by the round trip time
local function pairs_make(orders, apart)
	local l = B:listen(9000, #orders)
	for _, o in ipairs(orders) do
		o.ends.A = (apart and A.connect or A.connect_start)(A, 9000, {from_port = o.port.A})
	end
	for _ = 1, #orders do
		local s, _, port = l:accept(5)
		of_port[port].ends.B = s
	end
	sleep(0.01)
	l:close()
end

-- Two sockets with ports, which know nothing of each other
local function bare_make(orders)
	for _, o in ipairs(orders) do
		o.port.B = o.port.A - 10000
		for _, x in ipairs{'A', 'B'} do
			o.ends[x] = _G[x]:socket()
			o.ends[x]:bind(_G[x].addr, o.port[x])
		end
	end
end

local function texts_check(texts)
	for _, t in ipairs(texts) do
		if known[t] then error('twice: ' .. t) end
		known[t] = true
	end
	total = total + #texts
end

-- A machine that has better to do for longer than that lets the kernel's timers fire in the midst of a moment: then again
local LATE <const>, TRIES <const>, LONG_TRIES <const> = 0.03, 20, 8

local function rows_of(lingering)
	return lingering and {A = A:sockets(), B = B:sockets()}
end

-- The moment number long lasts longer than any patience.
local function moments_play(orders, options)
	local last, steady, long, patience = 0, true, options.long, options.patience or 3.6
	for _, o in ipairs(orders) do last = math.max(last, #o.moments) end
	for i = 1, last + 2 do
		local called, begun, moment = {}, now(), i == long and patience or MOMENT
		for k, o in ipairs(orders) do
			local calls = o.moments[i]
			-- whoever is still there closes, B a moment after A
			if i == #o.moments + 1 then calls = o.ends.A.fd >= 0 and 'A close' end
			if i == #o.moments + 2 then calls = o.ends.B.fd >= 0 and 'B close' end
			called[k] = calls and moment_calls(o, calls)
		end
		sleep(moment)
		local rows = rows_of(options.lingering)
		for k, o in ipairs(orders) do
			local seen = moment_seen(o, rows)
			if called[k] then o.lines[#o.lines + 1] = called[k] .. ' | ' .. seen
			elseif i <= #o.moments + 2 and seen:find('>') then o.lines[#o.lines + 1] = seen end
		end
		steady = steady and now() - begun < moment + LATE
	end
	return steady
end

local function orders_end(orders)
	for _, o in ipairs(orders) do
		if o.listener then o.listener:close() end
		of_port[o.port.A] = nil
	end
end

local function family(name, texts, options)
	options = options or {}
	texts_check(texts)
	local tries = 0
	local function make()
		local orders = {}
		for i, t in ipairs(texts) do orders[i] = order_new(t) end
		if options.bare then bare_make(orders) else pairs_make(orders, options.lingering) end
		for _, o in ipairs(orders) do o.wire.A.said, o.wire.B.said = {}, {} end
		return orders
	end
	local orders = make()
	phase(name, function(observed)
		local steady = moments_play(orders, options)
		tries = tries + 1
		if not steady and tries < (options.long and LONG_TRIES or TRIES) then
			orders_end(orders)
			sleep(0.7)
			orders = make()
			return 'again'
		end
		for _, o in ipairs(orders) do observed[o.text] = o.lines end
	end)
	orders_end(orders)
	if options.long then sleep(0.7) end -- what was lost so far is said once more, and answered
end

-- Every text with each of X and Y in the place of those letters
local ways <const> = {'r', 'w', 'rw', 'close', 'abort'}

local function each(pattern, xs, ys)
	local out = {}
	for _, x in ipairs(xs) do
		for _, y in ipairs(ys or {''}) do out[#out + 1] = (pattern:gsub('[XY]', {X = x, Y = y})) end
	end
	return out
end

local function joined(...)
	local out = {}
	for _, t in ipairs{...} do
		for _, text in ipairs(t) do out[#out + 1] = text end
	end
	return out
end

-- ---- both ends end it ----
family('one after the other', joined(each('A X; B Y', ways, ways), each('B X; A Y', ways, ways), each('A X; A Y', {'r', 'w', 'rw'}, ways),
	each('A X; B Y; A w; B w', {'r', 'w'}, {'r', 'w'})))
family('both at once', each('A X, B Y', ways, ways))

-- ---- with data ----
family('data', joined(each('A send; B X; A Y', ways, ways), each('A send, A X; B recv; B Y', ways, ways)))
family('data in flight from both', joined(each('A send, B send, A X, B Y', ways, ways),
	each('A send, B X; A send; A recv', {'r', 'w', 'abort'}), each('A send, B send, B X; A send; A recv', ways)))
family('data for the end that has closed first', joined(each('A X; B send; B send; B recv', ways), each('B X; A send; A send; A recv', ways),
	each('A send; B X; A send; A recv; A send', ways)))
family('half a connection goes on', {
	'A w; B send; A recv; B send; A recv; B w; A recv', 'A w; B send; B close; A recv; A recv', 'A w; B send; A close; B send',
	'A send, A w; B recv; B send, B w; A recv', 'A w; B send; A r; B send', 'B w; A send; B recv; A w; B recv; A recv',
	'A r; B send; A recv; A recv; A send; B recv', 'A rw; B send; A recv; B recv', 'A r; B send; A close',
	'A r, B send; A take; A close', 'B send; A take; A r; A recv; A close', 'B send; A peek; A close', 'B send; A recv; A close',
	'B send; A take; A close', 'B send, B w; A take; A close', 'B send, B w; A recv; A close', 'B send, B w; A recv; A recv; A close',
	'B send, B close; A close', 'B send, B close; A send; A recv; A recv; A error',
})
family('data not sent yet, and more than a segment', joined(each('A more, A X; B recv', ways), each('A more; B X; A send; A recv', ways),
	each('A more; A X, B Y', {'w', 'close'}, {'w', 'close', 'abort'}), each('A big, A X; B recv; B Y', {'w', 'close', 'abort'}, {'w', 'close'}),
	each('A big, B send, B X; A recv; A send', ways), each('A big; B X; A recv', ways)))
family('options of lingering', {
	'A zero; A w; A close', 'A zero; A w; B w; A close', 'A zero; B w; A close', 'A zero; B send; A close', 'A zero, A send; A close',
	'A zero, A send, A close; B recv', 'A w; A zero, A close', 'A zero; A rw; A close', 'A w, B w; A zero, A close',
	'A linger2; A close; B send', 'A linger2; A w; A close; B send', 'A linger2; A w; B w; A close', 'A linger2, A send, A close; B recv',
	'A linger2; B w; A close', 'A linger2; A w; B send; A close',
})

-- ---- after the end ----
-- Three calls of this end, in each order, and the first of them again
local function permutations(prefix, x)
	local out, calls = {}, {'send', 'recv', 'error'}
	for _, a in ipairs(calls) do
		for _, b in ipairs(calls) do
			for _, c in ipairs(calls) do
				if a ~= b and b ~= c and a ~= c then
					local text = ('%s; X %s; X %s; X %s; X %s'):format(prefix, a, b, c, a)
					out[#out + 1] = text:gsub('X', x)
				end
			end
		end
	end
	return out
end
family('which error comes when', joined(permutations('A abort', 'B'), permutations('A send; A abort', 'B'),
	permutations('A w; B <rst exact', 'B'), permutations('B w; B <rst exact', 'B'), permutations('A close; B send', 'B'),
	each('B lose, B w; B <rst exact; B X; B recv; B error, B heal', {'send', 'recv', 'w', 'close'})))
family('calls after both FINs', each('A w, B w; A X; B Y', {'send', 'recv', 'r', 'w', 'rw', 'error'}, {'send', 'recv', 'r', 'w', 'rw', 'error'}))

-- ---- RSTs and others that somebody forges, at the places of RFC 5961 ----
local places <const> = {'exact', 'next', 'in', 'left', 'out', 'far left'}
-- ESTAB, the same with unread data, CLOSE-WAIT, FIN-WAIT-2, TIME-WAIT, FIN-WAIT-2 that no program has
local led_to <const> = {'A send; B recv', 'A send', 'A w', 'B w', 'B w; A w', 'B close'}
family('forged RST', joined(each('X; B <rst Y; B recv', led_to, places), each('A send; B <rst ack X; B recv', places)))
family('forged SYN', each('X; B <syn Y; A send', led_to, places))
family('forged data and FIN', joined(each('A w; B <data X; B recv', {'exact', 'left', 'out'}),
	each('B w; B <data X; B recv; A abort', {'exact', 'left', 'out'}), each('B w; A w; B <X left; B recv', {'data', 'fin', 'ack'}),
	each('B close; B <X exact; A send; A abort', {'data', 'fin', 'ack'}), each('B close, A close; B <X left; A send', {'data', 'fin', 'ack'})))
family('RST in the states that last only while packets are lost', each('A lose, B lose; A X, B X; B <rst Y; A <rst exact, B <rst exact',
	{'w', 'close'}, places))

-- ---- beginnings ----
family('simultaneous open', joined({'A connect, B connect; A send; B recv'}, each('A connect, B connect; A X; B Y', ways, {'w', 'close'}),
	each('A connect, B connect, A X', ways),
	each('A lose, A connect; A <syn exact; A <X Y; A send; A error; A recv; A abort',
	{'ack', 'stale', 'early', 'rst', 'rst ack', 'syn', 'fin'}, {'exact', 'next', 'in'}),
	each('A lose, A connect; A <syn exact; A X; A <ack next; A send; A <rst next', ways)), {bare = true})
family('connect() that fails', joined(each('A connect; A X; A error; A send; A recv; A X', {'error', 'send', 'recv', 'connect'}),
	each('A connect; A X', ways), each('A X; A send; A recv; A error', {'recv', 'r', 'w', 'rw'}),
	each('A X; A connect; A error; A send; A recv', {'r', 'w', 'rw'}),
	each('A lose, A connect; A X; A send; A recv; A error', ways),
	{'A lose, A connect; A <rst ack exact; A recv; A send; A error'}, each('A nowhere; A X; A recv; A send; A error', {'recv', 'connect'}),
	each('B listen; A lose, A connect; A <icmp X; A error; A recv; A send', {'3/0', '3/1', '3/2', '3/3', '3/5', '3/6', '3/9', '3/13',
		'11/0', '12/0', '4/0'})), {bare = true})
family('shutdown() before connect() and listen()', joined(each('A X, B listen; A connect; A send, A recv; B accept; B send; A recv; A X',
	{'r', 'w', 'rw'}), each('B X; B listen; A connect; B accept; B send, A send; B recv', {'r', 'w', 'rw'})), {bare = true})
family('connect() and the child is closed', joined(each('B listen; A connect; B accept; B X; A recv; A send', ways),
	each('B listen; A connect, A X; B accept; B recv; B send', ways), each('B listen; A connect; A X; B accept; B recv; B send', ways),
	{'B listen; A connect; B close; A recv; A send', 'B listen; A connect; A send; B close; A recv; A send',
	'B listen; A connect; A w; B close; A recv; A send', 'B listen; B r; A connect; A error', 'B listen; B rw; A connect; A error; B accept',
	'B listen; A connect; B w; B accept; A send; B recv', 'B listen; A connect; B rw; A recv; B accept'}), {bare = true})
family('ICMP about data', each('A lose, A send; A <icmp X; A error, A recv, A heal', {'3/0', '3/1', '3/2', '3/3', '3/13', '11/0', '12/0'}))

-- ---- close() waits: SO_LINGER with a time ----
for _, h in ipairs{A, B} do h:sysctl('net.ipv4.tcp_early_retrans', 0) end -- no probe that comes milliseconds after the last packet
local waiting <const>, in_vain <const> = {lingering = true}, {lingering = true, long = 2, patience = 1.1}
family('close() waits for what arrives at once', joined(each('A linger 1; A close; B X', ways), each('A linger 1; B X; A close', ways),
	each('A linger 1; B X; A send, A close; B recv', {'r', 'w', 'rw'}),
	{'A linger 1; A more, A close; B recv', 'A linger 1; A big, A close; B recv; B close', 'A linger -1; A close; B close'}), waiting)
family('close() waits, with data', joined(each('A linger 1; A send, A close; B recv; B X', ways), each('A linger 1; A send, A close, B X', ways),
	each('A linger 1, A block; A X, A close; B recv; B close', {'send', 'more', 'big'})), waiting)
family('close() waits, and the other one too', joined(each('A linger 1, B linger 1; A X, B Y', {'w', 'close'}, {'w', 'rw', 'close'}),
	each('A linger 1, A linger2; A close; B X', {'send', 'close', 'abort'}),
	{'A linger 1, A linger2; A send, A close; B recv', 'A linger 1, A linger2; A w; A close; B send',
	'A linger 1, A linger2; B w; A close', 'A linger 1, A linger2; A close, B close'}), waiting)
family('close() has nothing to wait for', joined(each('A linger 1; A X; A close; B close', {'w', 'rw'}),
	each('A linger 1; A X, B w; A close', {'w', 'rw'}), each('A linger 1; B w; A X; A close', {'w', 'rw'}),
	each('A linger 1; A X, A close; B close', {'r', 'w', 'rw'}), {'A linger 1; B abort; A error; A close',
	'A linger 1; A r; B send; A close', 'A linger 1; B send; A close', 'A linger 1; B send; A take; A close',
	'A linger 1; B send, B w; A take; A close', 'A linger 1; B send; A recv; A close', 'A linger 1; B send; A w; A close',
	'A linger 1, A block; B send; A close', 'A linger 1; B send, A close; B recv', 'A linger 1; A zero; A close'}), waiting)
family('close() of what has no connection', {'A linger 1; A close', 'A linger 1, B listen; B linger 1; B close', 'A linger 1; A lose, A connect; A close',
	'A linger 1; A lose, A connect; A w; A close', 'A linger 1; A connect; A close', 'B linger 1, B listen; A connect; B accept; B close',
	'B linger 1, B listen; A connect; B close; A recv', 'B linger 1, B listen; A connect; A send; B close; A recv',
	'A linger 1; A connect, B connect; A close; B close', 'A linger 1; A connect, B connect, A close',
	'A linger 1; A lose, A connect; A <syn exact; A close; A <ack next; A <fin next',
	'A linger 1; A lose, A connect; A <syn exact; A close; A <rst next',
	'A linger 1; A lose, A connect; A <syn exact; A send; A close; A <ack next'}, {bare = true, lingering = true})
-- What comes 60 ms after close() comes before a timer; timers fire only in the moment that is long
local later_on <const> = {lingering = true, long = 3, patience = 1.1}
family('what ends a close() that waits', joined(
	each('A linger 1; B lose, A close; A <X exact; B heal, B recv', {'rst', 'rst ack', 'data', 'fin', 'ack', 'shut', 'syn', 'deaf fin', 'deaf data'}),
	each('A linger 1; B lose, A close; A <rst X; A <ack exact', {'in', 'left', 'out'}),
	each('A linger 1; A lose, A close; A <icmp X; A <rst exact', {'3/0', '3/1', '3/2', '3/3', '3/13', '11/0'})), later_on)
family('what ends a close() that waits with data', joined(
	each('A linger 1; B lose, A send, A close; A <X exact; B heal, B recv', {'rst', 'data', 'fin', 'ack', 'shut', 'deaf fin', 'deaf data'}),
	each('A linger 1; B lose, A close; B heal, B X; B recv', {'send', 'w', 'abort', 'recv'}),
	{'A linger 1; B lose, A send, A close; B heal, B recv, B send', 'A linger 1; B lose, A send, A close; B heal; B recv, B close',
	'A linger 1; A lose, A send, A close; B send; A <rst exact', 'A linger 1; A lose, A send, A close; A heal; B recv'}), later_on)
family('what ends a close() that waits in CLOSING and LAST-ACK', joined(
	each('A linger 1, B w; B lose, A close; A <X exact; B heal', {'rst', 'data', 'ack', 'shut', 'syn', 'fin'}),
	each('A linger 1; B lose, A close; A <deaf fin exact; A <X next, B heal', {'ack', 'rst'}),
	{'A linger 1, B w; B lose, A close; B heal; B close', 'A linger 1, B w; A lose, A send, A close; A heal; B recv',
	'A linger 1, B w; A lose, A close; A <ack exact'}), later_on)
family('close() from CLOSING waits', each('A linger 1; A lose, B lose, A w, B w; A <deaf fin exact, A close; A <X exact, A heal, B heal',
	{'ack', 'rst', 'rst ack', 'data', 'deaf data'}), {lingering = true, long = 4, patience = 1.1})
family('close() waits in vain', joined(each('A linger 1X; A Y, A close', {'', ', A block'}, {'lose', 'lose, A send', 'lose, A big'}),
	each('A linger 1X; B lose, A Y, A close; B heal, B recv; B close', {'', ', A block'}, {'w', 'send', 'more'})), in_vain)
family('close() waits in vain: what comes then', joined(
	each('A linger 1; B lose, A send, A close; A <X exact', {'rst', 'data', 'fin', 'ack', 'deaf fin', 'deaf data'}),
	each('A linger 1, A linger2; B lose, A X, A close; A <ack exact; B close', {'w', 'send'}),
	{'A linger 1, B w; B lose, A close; B heal', 'A linger 1, B w; A lose, A send, A close; A heal',
	'A linger 0; B lose, A close', 'A recv; B lose, A close; B recv', 'A linger -1; B lose, A close; A <ack exact',
	'A linger 2; B lose, A close; A <ack exact'}), in_vain)
family('close() waits for a window', joined(each('A linger 1; A <shut exact; B lose, A X, A close; A <Y exact, B heal', {'send', 'big'}, {'rst', 'ack'}),
	{'A linger 1; A <shut exact; A send, A close; B recv', 'A linger 1; A <shut exact; A close', 'A linger 1; A <shut exact; A big, A close; B close'}),
	{lingering = true, long = 3, patience = 1.1})
for _, h in ipairs{A, B} do h:sysctl('net.ipv4.tcp_early_retrans', 3) end

-- ---- nobody ever answers ----
family('patience of connect() ends', joined(
	each('A syncnt, A lose, A connect; A recv; A X; A Y; A X', {'send', 'recv', 'error', 'connect'}, {'send', 'recv', 'error', 'connect'}),
	each('A syncnt, A lose, A connect; A recv; A X; A recv', ways)), {bare = true, long = 2})
for name, value in pairs{tcp_retries2 = 1, tcp_orphan_retries = 1} do A:sysctl('net.ipv4.' .. name, value) end -- 1.8 s
family('patience with data ends', joined(permutations('A lose, A send; A recv', 'A'), permutations('A lose, A send, A w; A recv', 'A'),
	permutations('A lose, A send; A <icmp 3/1', 'A'),
	{'A lose, A send, A close; B send', 'B w; A lose, A send, A w; A recv; A send; A error; A recv',
	'A lose, A send; A <icmp 11/0; A error; A recv; A send'}), {long = 2})

-- ---- a listener with both queues filled ----
local function listener_play(o, texts)
	local port, steady = next_port, true
	local function pause(seconds)
		local begun = now()
		sleep(seconds)
		steady = steady and now() - begun < seconds + LATE
	end
	next_port = next_port + 1
	local l, ghosts = B:listen(port, 2), {}
	for i = 1, 6 do
		ghosts[i] = B:ghost(port, port % 1000 * 10 + i, {mss = 1460})
		ghosts[i]:syn()
		pause(0.002)
		if i <= 3 and ghosts[i]:synack() then ghosts[i]:ack() end
		pause(0.002)
	end
	o['queues'] = B:queue(port)
	for _, t in ipairs(texts) do
		ghosts[t[1]]:put{seq = ghosts[t[1]].isn + 1, ack = ghosts[t[1]]:synack().seq + 1, flags = t[2], data = t[3]}
	end
	pause(MOMENT)
	l:close()
	pause(MOMENT)
	for i = 4, 6 do
		if ghosts[i]:synack(0) then ghosts[i]:ack() end
	end
	pause(MOMENT)
	for i, g in ipairs(ghosts) do o['client ' .. i .. ' heard'] = g:heard() end
	o['left'] = B:states{port = port}
	return steady
end

local function listener_closes(name, texts)
	local tries = 0
	phase('a listener with both queues full closes: ' .. name, function(o)
		tries = tries + 1
		if not listener_play(o, texts) and tries < TRIES then
			sleep(0.5)
			return 'again'
		end
	end)
end
listener_closes('all quiet', {})
listener_closes('data, a FIN and a RST in the queue', {{1, 'P.', 'hello'}, {2, 'F.'}, {3, 'R'}})

observe('orders', total)
