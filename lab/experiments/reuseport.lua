-- Four listeners share a port with SO_REUSEPORT: clients are spread over them by a hash, each has queues of its own.
-- Which listener gets which client differs from the kernel's, so only sums are compared.  The backlog notes: "both queues
-- are for each port"; here they are for each listener of the port.

experiment{settle = 0.05}
B:sysctl('net.ipv4.tcp_syncookies', 0)

local LISTENERS <const>, CLIENTS <const> = 4, 400
local function shared(s) s:set('SO_REUSEPORT', 1) end

local function group(port, backlog)
	local out = {}
	for i = 1, LISTENERS do out[i] = B:listen(port, backlog, shared) end
	return out
end

-- The fields of the group's LISTEN rows, added up
local function sums(o, port)
	local rows = B:sockets{port = port, state = 'LISTEN'}
	o['listeners'] = #rows
	for _, f in ipairs{'recv_q', 'send_q', 'drops'} do
		local sum = 0
		for _, r in ipairs(rows) do sum = sum + r[f] end
		o['sum of ' .. f] = sum
	end
	o['SYN-RECV'] = #B:sockets{port = port, state = 'SYN-RECV'}
	return rows
end

local function handshake(port, n)
	local g = B:ghost(port, n)
	g:syn()
	g:synack()
	g:ack()
end

phase('who may share', function(o)
	local l, bad = B:listen(9000, 4, shared), B:socket()
	o['without SO_REUSEPORT'] = repr(bad:bind('0.0.0.0', 9000))
	bad:set('SO_REUSEPORT', 1)
	o['with it'] = repr(bad:bind('0.0.0.0', 9000))
	bad:close()
	l:close()
end)

local l = group(9001, CLIENTS)
phase(('%d clients of a group of %d'):format(CLIENTS, LISTENERS), function(o)
	for n = 1, CLIENTS do handshake(9001, n) end
	sleep(0.02)
	local rows, uneven = sums(o, 9001), 0
	for _, r in ipairs(rows) do
		-- 100 each, standard deviation 9
		if r.recv_q < 55 or r.recv_q > 145 then uneven = uneven + 1 end
	end
	o['listeners with far more or fewer than their share'] = uneven
end)
phase('all are accepted', function(o)
	local sum = 0
	for i = 1, LISTENERS do
		while l[i]:accept(0) do sum = sum + 1 end
	end
	o['accepted'] = sum
end)
-- The first of them closes: what was half-open there dies with it, later clients go to the others.
local half = {}
for n = 1, 40 do
	half[n] = B:ghost(9001, 500 + n)
	half[n]:syn()
end
sleep(0.02)
l[1]:close()
do
	local made, reset = 0, 0
	for n = 1, 40 do half[n]:ack() end
	sleep(0.05)
	for i = 2, LISTENERS do
		while l[i]:accept(0) do made = made + 1 end
	end
	for n = 1, 40 do
		local heard = half[n]:heard()
		if heard[#heard] == 'R' then reset = reset + 1 end
	end
	expect(made + reset == 40, '%d of 40 were connected, %d reset', made, reset)
	expect(reset > 0 and reset < 25, '%d of 40 were half-open at the closed listener', reset)
end
phase('40 clients of the three that are left', function(o)
	for n = 601, 640 do handshake(9001, n) end
	sleep(0.02)
	sums(o, 9001)
end)
for i = 2, LISTENERS do l[i]:close() end
sleep(0.1)

-- Room for 5 half-open requests each: 20 in all, however uneven the 200 are.
l = group(9002, 4)
phase('200 SYNs for 4 listeners with backlog 4', function(o)
	for n = 701, 900 do B:ghost(9002, n):syn() end
	sleep(0.02)
	sums(o, 9002)
end)
for i = 1, LISTENERS do l[i]:close() end

-- And 5 connections each.
B:sysctl('net.ipv4.tcp_syncookies', 2)
l = group(9003, 4)
phase('200 clients of 4 listeners with backlog 4', function(o)
	for n = 1001, 1200 do
		local g = B:ghost(9003, n)
		g:syn()
		if g:synack(0.02) then g:ack() end
	end
	sleep(0.02)
	sums(o, 9003)
end)
for i = 1, LISTENERS do l[i]:close() end
