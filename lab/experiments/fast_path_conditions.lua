-- What the document says disables the fast path, each alone: zero window, a gap, no buffer, urgent data, flags and window, both ways, options.

experiment{settle = 0.15, limit = 60}

local OOB <const> = 1 -- MSG_OOB
local port = 9000
local l, c, s

-- Two segments are unread, so that memory is reserved and the next small one takes the fast path.
local function new(setup)
	port = port + 1
	l, c, s = pair(port, 1, setup)
	c:set('TCP_NODELAY', 1)
	c:send(('x'):rep(10))
	sleep(0.02)
	c:send(('x'):rep(10))
	sleep(0.02)
end

local function shut()
	wire.rule(nil)
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.05)
end

local function send(n)
	c:send(('x'):rep(n or 10))
	sleep(0.03)
end

local function last_data()
	return wire.find(function(p) return p.way == 'a>b' and p.dport == port and p.len > 0 end)
end

-- The next segment of the client, made by hand: what differs from the last one
local function next_segment(o)
	local p = last_data()
	o.opts = o.opts or {ts = {p.opts.ts[1] + 1, p.opts.ts[2]}}
	B:inject(tcp{
		src = A.addr, dst = B.addr, sport = p.sport, dport = port, seq = p.seq + p.len, ack = o.ack or p.ack,
		flags = o.flags or 'P.', win = o.win or p.win, urg = o.urg, opts = o.opts, data = o.data or ('x'):rep(10),
	})
	sleep(0.05)
end

new()
phase('nothing of it: a third unread segment', function() send() end)
phase('the same, made by hand', function() next_segment{} end)
shut()

new()
phase('a segment without PSH', function() next_segment{flags = '.'} end)
shut()
new()
phase('an unexpected flag: ECE', function() next_segment{flags = 'P.E'} end)
shut()
new()
phase('an unexpected flag: URG, pointing nowhere new', function() next_segment{flags = 'P.U', urg = 0} end)
phase('another segment: B has those bytes already', function() send() end)
shut()
new()
phase('another window', function() next_segment{win = 500} end)
shut()
new()
phase('an unexpected option: one byte of padding moved', function()
	local p = last_data()
	local ts = string.pack('>I4I4', p.opts.ts[1] + 1, p.opts.ts[2])
	next_segment{opts = '\1\8\10' .. ts .. '\1'}
end)
shut()
new()
phase('an unexpected option: unknown, beside the timestamps', function()
	local p = last_data()
	local ts = string.pack('>I4I4', p.opts.ts[1] + 1, p.opts.ts[2])
	next_segment{opts = '\1\1\8\10' .. ts .. '\253\4\0\0'}
end)
shut()
new()
phase('an older timestamp', function()
	local p = last_data()
	next_segment{opts = {ts = {p.opts.ts[1] - 1, p.opts.ts[2]}}}
end)
shut()

new()
local held
wire.rule(function(p)
	if p.way == 'a>b' and p.dport == port and p.len > 0 and not held then
		held = true
		return 0.02
	end
end)
phase('out of order: two segments, the second first', function()
	c:send(('x'):rep(10))
	sleep(0.002)
	c:send(('x'):rep(10))
	sleep(0.06)
end)
wire.rule(nil)
phase('the segment after the gap was filled', function() send() end)
shut()

new()
phase('an urgent byte', function()
	c:send_now('u', OOB)
	sleep(0.03)
end)
phase('the next segment, the byte unread', function() send() end)
s:recv_now(1, OOB)
phase('the byte was taken, the mark is still ahead', function() send() end)
s:recv(1000)
s:recv(1000, 0.1)
phase('the mark was passed: all was read', function() send() end)
phase('one more behind the mark', function() send() end)
shut()

new()
phase('both directions: B sends', function()
	s:send(('y'):rep(10))
	sleep(0.03)
end)
phase('then A', function() send() end)
phase('A again', function() send() end)
shut()

new(function(x) x:set('SO_RCVBUF', 5000) end)
phase('a small buffer fills: segments of 500', function()
	for _ = 1, 8 do send(500) end
end)
phase('a zero window is probed', {settle = 0.1}, function(o)
	sleep(1)
	o['rcv_wnd'] = s:info().rcv_wnd
end)
phase('all is read: what waits comes', {settle = 0.4}, function()
	s:recv(10000)
	sleep(0.5)
	s:recv(10000, 0.2)
end)
phase('the next segment', function() send() end)
phase('and one more', function() send() end)
shut()
