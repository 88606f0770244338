-- The limit of both queues: listen()'s argument (negative, 0, huge) against net.core.somaxconn, and what changes it later.
-- Then whose drops are whose: `ss -m` counts them for each listener, ListenDrops for all.
-- The backlog notes: "the size of the ESTAB queue is backlog+1", "somaxconn allows a queue of value+1, whatever listen() says".

experiment{settle = 0.02}
B:sysctl('net.ipv4.tcp_syncookies', 0)

local port, ghosts = 9000, 0

local function ghost()
	ghosts = ghosts + 1
	return B:ghost(port, ghosts)
end

local function syns(n)
	for _ = 1, n do ghost():syn() end
	sleep(0.01)
end

-- n clients one after the other
local function clients(n)
	for _ = 1, n do
		local g = ghost()
		g:syn()
		if not g:synack(0.01) then break end
		g:ack()
		sleep(0.002)
	end
	sleep(0.01)
end

local function look(o, words)
	local row = B:sockets{port = port, state = 'LISTEN'}[1]
	o[words or 'then'] = {
		['Send-Q'] = row.send_q, ['Recv-Q'] = row.recv_q, drops = row.drops,
		['SYN-RECV'] = #B:sockets{port = port, state = 'SYN-RECV'},
	}
end

-- The notes know of backlog + 1 places, and of a power of two of them in the SYN queue.
for _, row in ipairs{
	{0, 5}, {1, 5}, {5, 5}, {6, 5}, {-1, 5}, {2147483647, 5}, {-2147483648, 5}, {3, 0}, {-1, 4096}, {2147483647, 65536},
} do
	local backlog, somaxconn = table.unpack(row)
	B:sysctl('net.core.somaxconn', somaxconn)
	local places = math.min(backlog < 0 and somaxconn or backlog, somaxconn) + 1
	local name, says = ('listen(%d), somaxconn %d'):format(backlog, somaxconn), nil
	local l = B:listen(port, backlog)
	phase(name .. ': half-open', function(o)
		syns(9)
		look(o)
	end)
	l:close()
	port = port + 1
	l = B:listen(port, backlog)
	if backlog >= 0 and places < 9 then says = {B = {TcpPassiveOpens = places, TcpExtListenOverflows = 1}} end
	phase(name .. ': connected', {document = says}, function(o)
		clients(9)
		look(o)
	end)
	l:close()
	port = port + 1
end

B:sysctl('net.core.somaxconn', 4)
local l = B:listen(port, 100)
phase('somaxconn 4, listen(100), 3 half-open and 2 connected', function(o)
	syns(3)
	clients(2)
	look(o)
end)
phase('somaxconn 8: nothing changes', function(o)
	B:sysctl('net.core.somaxconn', 8)
	syns(9)
	look(o)
end)
phase('listen(100) again: now it does', function(o)
	l:listen(100)
	look(o, 'at once')
	syns(9)
	look(o)
end)
phase('somaxconn 2: nothing changes', function(o)
	B:sysctl('net.core.somaxconn', 2)
	look(o)
end)
phase('listen(100) again: the limit is below what waits, and nothing is thrown out', function(o)
	l:listen(100)
	look(o, 'at once')
	syns(1)
	look(o)
end)
phase('accept() twice: the SYN queue is full still', function(o)
	for _ = 1, 2 do l:accept(0.5):close() end
	syns(1)
	look(o)
end)
phase('listen(-1) again', function(o)
	l:listen(-1)
	look(o)
end)
phase('listen(0) again', function(o)
	l:listen(0)
	look(o)
end)
l:close()
B:sysctl('net.core.somaxconn', 4096)
sleep(0.05)

-- Four listeners with one place each and something else to drop.
local function drops(o)
	for p = 9201, 9204 do
		o['drops of port ' .. p] = B:sockets{port = p, state = 'LISTEN'}[1].drops
	end
end
local late = {}
for p = 9201, 9204 do
	B:listen(p, 0)
	port = p
	B:sysctl('net.ipv4.tcp_syncookies', p == 9204 and 2 or 0)
	late[p] = ghost()
	if p ~= 9201 then
		late[p]:syn() -- answered while there is room
		late[p]:synack()
	end
	B:sysctl('net.ipv4.tcp_syncookies', p == 9202 and 2 or 0) -- past the request that waits
	if p ~= 9203 then clients(1) end
end
B:sysctl('net.ipv4.tcp_syncookies', 0)
phase('9201: two SYNs meet a full accept queue', function(o)
	port = 9201
	syns(2)
	drops(o)
end)
phase('9202: a final ACK meets a full accept queue, twice', function(o)
	late[9202]:ack()
	late[9202]:ack()
	sleep(0.01)
	drops(o)
end)
phase('9203: two SYNs meet a full SYN queue', function(o)
	port = 9203
	syns(2)
	drops(o)
end)
phase('9204: a cookie meets a full accept queue', function(o)
	B:sysctl('net.ipv4.tcp_syncookies', 1)
	late[9204]:ack()
	sleep(0.01)
	drops(o)
end)
