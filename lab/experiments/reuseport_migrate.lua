-- net.ipv4.tcp_migrate_req: a listener of a SO_REUSEPORT group closes, and what waits at it moves to another of the group.
-- Each group here begins with one listener; the second joins once the first has its clients. So it is known who gets whom.

experiment{settle = 0.05}
B:sysctl('net.ipv4.tcp_migrate_req', 1)

local OPTS <const> = {mss = 1460, sackok = true}
local function shared(s) s:set('SO_REUSEPORT', 1) end
local function listener(port, backlog) return B:listen(port, backlog or 16, shared) end

local function half_open(port, n)
	local g = B:ghost(port, n, OPTS)
	g:syn()
	g:synack()
	return g
end

local function connected(port, n)
	local g = half_open(port, n)
	g:ack()
	sleep(0.01)
	return g
end

-- Accept queues, half-open requests and drops at a port; what the clients heard
local function look(o, port, ...)
	for i, r in ipairs(B:sockets{port = port, state = 'LISTEN'}) do
		o[('listener %d'):format(i)] = ('%d of %d, %d drops'):format(r.recv_q, r.send_q, r.drops)
	end
	o['states'] = B:states{port = port}
	for i, g in ipairs{...} do o[('client %d heard'):format(i)] = g:heard() end
end

local function accepted(o, l)
	local n = 0
	while l:accept(0) do n = n + 1 end
	o['accepted'] = n
end

-- ---- connections in the accept queue ----

do
	local a = listener(9001)
	local g1, g2 = connected(9001, 1), connected(9001, 2)
	local b = listener(9001)
	phase('close() of a listener with two connections in its accept queue', function(o)
		a:close()
		sleep(0.02)
		look(o, 9001, g1, g2)
		o['the other listener'] = b:events()
	end)
	phase('they are accepted, and talk', function(o)
		local c = b:accept(0)
		g1:ack{data = 'hello'}
		o['first'] = c and repr(c:recv(10, 1))
		accepted(o, b)
	end)
	b:close()
end

do
	local a = listener(9002)
	local g1, g2, g3 = connected(9002, 11), connected(9002, 12), connected(9002, 13)
	local b = listener(9002, 0)
	phase('three move to a listener with backlog 0', function(o)
		a:close()
		sleep(0.02)
		look(o, 9002, g1, g2, g3)
	end)
	phase('a SYN for it then', function(o)
		local g = B:ghost(9002, 14, OPTS)
		g:syn()
		sleep(0.02)
		look(o, 9002, g)
	end)
	phase('all three are accepted', function(o) accepted(o, b) end)
	b:close()
end

-- Nobody is left: the group of the first socket is empty, and so is no group
do
	local a = listener(9003)
	local g1, g2 = connected(9003, 21), connected(9003, 22)
	phase('close() of the only one of a group', function(o)
		a:close()
		sleep(0.02)
		look(o, 9003, g1, g2)
	end)
end
do
	local a = B:listen(9004, 16)
	local g = connected(9004, 31)
	phase('close() of a listener without SO_REUSEPORT', function(o)
		a:close()
		sleep(0.02)
		look(o, 9004, g)
	end)
end

do
	local a = listener(9005)
	local g1, g2 = connected(9005, 41), half_open(9005, 42)
	sleep(0.02)
	local b = listener(9005)
	phase('shutdown() of a listener', function(o)
		a:shutdown('rw')
		sleep(0.02)
		look(o, 9005, g1, g2)
	end)
	phase('it listens again, and the final ACK comes', function(o)
		o['listen'] = repr(a:listen(16))
		g2:ack()
		sleep(0.02)
		look(o, 9005, g2)
		o['the first'], o['the other'] = a:accept(0) ~= nil, b:accept(0) ~= nil
	end)
	a:close()
	b:close()
end

do
	local a = listener(9006)
	local g = connected(9006, 51)
	sleep(0.02)
	local b = listener(9006)
	g:ack{flags = 'R.'}
	sleep(0.02)
	phase('a connection moves that its peer has reset', function(o)
		a:close()
		sleep(0.02)
		look(o, 9006, g)
		accepted(o, b)
	end)
	b:close()
end

-- Fast Open: what waits in the accept queue may be half-open itself. The other listener's TCP_FASTOPEN has room for one; Linux
-- counts the child out of it, who never was in it.
B:sysctl('net.ipv4.tcp_fastopen', 0x203)
do
	local function fast(room)
		return function(s)
			shared(s)
			s:set('TCP_FASTOPEN', room)
		end
	end
	local function syn_with_data(n)
		local g = B:ghost(9007, n, OPTS)
		g:put{seq = g.isn, flags = 'S', opts = OPTS, data = 'hello'}
		sleep(0.01)
		return g
	end
	local a = B:listen(9007, 16, fast(5))
	local g = syn_with_data(1)
	local b = B:listen(9007, 16, fast(1))
	phase('a Fast Open child moves', function(o)
		a:close()
		sleep(0.02)
		look(o, 9007, g)
	end)
	phase('its final ACK, and it is accepted', function(o)
		g:ack{seq = g.isn + 6}
		sleep(0.02)
		look(o, 9007, g)
		local c = b:accept(0)
		o['data'] = c and repr(c:recv(10, 1))
	end)
	phase('three more Fast Open SYNs', function(o)
		for n = 2, 4 do syn_with_data(n) end
		look(o, 9007)
	end)
	b:close()
end
B:sysctl('net.ipv4.tcp_fastopen', 1)

-- ---- half-open requests ----

do
	local a = listener(9011)
	local g = half_open(9011, 61)
	local b = listener(9011)
	phase('close() with a half-open request', function(o)
		a:close()
		sleep(0.02)
		look(o, 9011, g)
	end)
	phase('its SYN again', function(o)
		g:syn()
		sleep(0.02)
		look(o, 9011, g)
	end)
	phase('an ACK of something else', function(o)
		g:ack{ack = 1}
		sleep(0.02)
		look(o, 9011, g)
	end)
	phase('its final ACK', function(o)
		g:ack()
		sleep(0.02)
		look(o, 9011, g)
		o['the other listener'] = b:events()
		accepted(o, b)
	end)
	b:close()
end

do
	local a = listener(9012)
	local g = half_open(9012, 71)
	local b = listener(9012)
	a:close()
	phase('its SYN+ACK timer', function(o)
		sleep(1.3)
		look(o, 9012, g)
	end)
	phase('and once more', function(o)
		sleep(2)
		look(o, 9012, g)
	end)
	phase('the final ACK then', function(o)
		g:ack()
		sleep(0.02)
		look(o, 9012, g)
		accepted(o, b)
	end)
	b:close()
end

do
	local a = listener(9013)
	local g1, g2 = half_open(9013, 81), half_open(9013, 82)
	a:close()
	phase('the final ACK of a request whose group is empty', function(o)
		g1:ack()
		sleep(0.02)
		look(o, 9013, g1)
	end)
	local b = listener(9013)
	phase('the timer: who listens now came too late', function(o)
		sleep(1.3)
		look(o, 9013, g2)
	end)
	b:close()
end

do
	local a = listener(9014)
	local g = half_open(9014, 91)
	a:close()
	local b = listener(9014)
	phase('the SYN again, for one who came too late', function(o)
		g:syn()
		sleep(0.02)
		look(o, 9014, g)
	end)
	b:close()
end

do
	local a = listener(9015)
	local g = half_open(9015, 101)
	local b = listener(9015)
	a:close()
	local c = listener(9015)
	b:close()
	phase('the final ACK, when the group has gone on to a third', function(o)
		g:ack()
		sleep(0.02)
		look(o, 9015, g)
		accepted(o, c)
	end)
	c:close()
end

do
	local a = listener(9016)
	local g = half_open(9016, 111)
	a:shutdown('rw')
	local b = listener(9016)
	phase('one shut down alone has left the group that comes', function(o)
		g:ack()
		sleep(0.02)
		look(o, 9016, g)
		accepted(o, b)
	end)
	b:close()
	a:close()
end

-- The accept queue of the other one is full
local function full(port, n, sysctl)
	local a = listener(port)
	local g = half_open(port, n)
	connected(port, n + 1)
	local b = listener(port, 0)
	a:close()                               -- the connection moves
	sleep(0.02)
	phase(('the final ACK for a full accept queue%s'):format(sysctl or ''), function(o)
		g:ack()
		sleep(0.02)
		look(o, port, g)
	end)
	phase(('and again, after an accept()%s'):format(sysctl or ''), function(o)
		accepted(o, b)
		g:ack()
		sleep(0.02)
		look(o, port, g)
		o['now'] = b:accept(0) ~= nil
	end)
	b:close()
end
full(9017, 121)
B:sysctl('net.ipv4.tcp_abort_on_overflow', 1)
full(9018, 131, ', tcp_abort_on_overflow')
B:sysctl('net.ipv4.tcp_abort_on_overflow', 0)

-- The request is at its end
B:sysctl('net.ipv4.tcp_synack_retries', 1)
do
	local a = listener(9019)
	local g = half_open(9019, 141)
	local b = listener(9019)
	sleep(1.3)
	a:close()
	phase('the last firing of the timer', function(o)
		sleep(2)
		look(o, 9019, g)
	end)
	b:close()
end
B:sysctl('net.ipv4.tcp_synack_retries', 5)

-- A RST, or a SYN in window, ends it: whose SYN queue is it counted out of?
B:sysctl('net.ipv4.tcp_syncookies', 0)
for i, flags in ipairs{'R', 'S'} do
	local port <const>, n <const> = 9020 + i, 150 + 10 * i
	local a = listener(port)
	local g = half_open(port, n)
	local b = listener(port)
	a:close()
	phase(('a %s at the next number'):format(flags == 'R' and 'RST' or 'SYN'), function(o)
		g:put{seq = g.isn + 1, flags = flags}
		sleep(0.02)
		look(o, port, g)
	end)
	phase(('a SYN of another client after the %s'):format(flags == 'R' and 'RST' or 'SYN'), function(o)
		local h = B:ghost(port, n + 1, OPTS)
		h:syn()
		sleep(0.02)
		look(o, port, h)
	end)
	b:close()
end
B:sysctl('net.ipv4.tcp_syncookies', 1)

-- ---- when the sysctl is asked ----

do
	local a = listener(9031)
	local g = half_open(9031, 181)
	local b = listener(9031)
	a:close()
	B:sysctl('net.ipv4.tcp_migrate_req', 0)
	phase('allowed at the close(), not at the final ACK', function(o)
		g:ack()
		sleep(0.02)
		look(o, 9031, g)
	end)
	b:close()
end
do
	local a = listener(9032)
	local g = half_open(9032, 191)
	local b = listener(9032)
	a:close()
	B:sysctl('net.ipv4.tcp_migrate_req', 1)
	phase('allowed at the final ACK, not at the close()', function(o)
		g:ack()
		sleep(0.02)
		look(o, 9032, g)
	end)
	b:close()
end
B:sysctl('net.ipv4.tcp_migrate_req', 0)
do
	local a = listener(9033)
	local g, h = connected(9033, 201), half_open(9033, 202)
	sleep(0.02)
	local b = listener(9033)
	phase('not allowed: close()', function(o)
		a:close()
		sleep(0.02)
		look(o, 9033, g)
	end)
	phase('not allowed: the final ACK', function(o)
		h:ack()
		sleep(0.02)
		look(o, 9033, h)
	end)
	b:close()
end
