-- The backlog notes' "Pruebas", as written: listen(1), one client accepted, two queued; what the fourth and the fifth see.
-- Two generations: on 6.18 a SYN that finds the accept queue full is dropped; before 4.10 (column "as 3.10") it is answered,
-- the client believes to be connected and the server keeps it in SYN-RECV.  The document column is what the notes say.

experiment{settle = 0.2, generations = '3.10'}

local l = B:listen(9999, 1)
local client, accepted = {}, {}

local function look(o)
	observe_all(o, B:queue(9999))
	o['server ss'] = B:states{port = 9999}
	for i, c in ipairs(client) do
		local row = A:sockets{port = select(2, c:name())}[1]
		o['client ' .. i] = row and row.state or 'gone'
	end
end

local connects <const> = {
	A = {TcpActiveOpens = 1, TcpInSegs = 1, TcpOutSegs = 2, TcpCurrEstab = 1},
	B = {TcpInSegs = 2, TcpOutSegs = 1, TcpExtListenOverflows = 0, TcpExtListenDrops = 0},
}

phase('client 1 connects and is accepted', {document = connects}, function(o)
	client[1] = A:connect(9999)
	accepted[1] = l:accept(2)
	look(o)
end)

for _, i in ipairs{2, 3} do
	phase(('client %d connects: ESTAB'):format(i), {document = connects}, function(o)
		client[i] = A:connect(9999)
		sleep(0.01)
		look(o)
	end)
end

-- "As it does not fit, it goes to SYN-RECV; the server has got the client's ACK but ignored it.  The client sees ESTAB."
phase('client 4 connects: ESTAB there, SYN-RECV here, say the notes', {document = {
	A = connects.A, B = {TcpInSegs = 2, TcpOutSegs = 1, TcpExtListenOverflows = 1, TcpExtListenDrops = 1},
}}, function(o)
	client[4] = A:connect_start(9999)
	sleep(0.3)
	look(o)
end)

-- "If we go on, the SYN-RECV queue fills up, and clients send their SYN but get no answer."  The notes' queue of backlog 1
-- has two places, so client 5 still is as client 4.
phase('client 5 connects', {document = {A = connects.A, B = {TcpExtListenOverflows = 1, TcpExtListenDrops = 1}}}, function(o)
	client[5] = A:connect_start(9999)
	sleep(0.1)
	look(o)
end)

phase('two seconds later', {settle = 0}, function(o)
	sleep(2)
	look(o)
	o['skmem'] = B:skmem(9999)
end)

-- "As the server processes elements, it moves tasks from the SYN-RECV queue to the ESTAB queue."
phase('the server accepts one: one of the two gets in', {settle = 0}, function(o)
	accepted[2] = l:accept(2)
	local began = now()
	while now() - began < 6 and B:queue(9999)['Recv-Q'] < 2 do sleep(0.05) end
	sleep(0.3)
	look(o)
end)
phase('and another: both are in', {settle = 0}, function(o)
	accepted[3] = l:accept(2)
	local began = now()
	while now() - began < 6 and B:queue(9999)['Recv-Q'] < 2 do sleep(0.05) end
	sleep(0.3)
	look(o)
end)
