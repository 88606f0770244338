-- TCP_DEFER_ACCEPT: a bare final ACK is dropped until data comes or the time is over.
-- Seconds become retransmission steps (1, 3, 7, 15 ...).  Neither document speaks of it.  On the kernel this takes 75 seconds.

experiment{settle = 0.1, limit = 120}

local port = 9000

local function deferred(seconds)
	return B:listen(port, 5, function(s) s:set('TCP_DEFER_ACCEPT', seconds) end)
end

local function look(o)
	local q, states = B:queue(port), list()
	o['listener'] = ('Recv-Q %d Send-Q %d'):format(q['Recv-Q'], q['Send-Q'])
	for _, r in ipairs(B:sockets{port = port}) do states[#states + 1] = r.state end
	table.sort(states)
	o['server ss'] = states
end

local l, c, s = deferred(5), nil, nil
local back = {}
for _, v in ipairs{1, 2, 3, 4, 5, 10, 60} do
	l:set('TCP_DEFER_ACCEPT', v)
	back[tostring(v)] = l:get('TCP_DEFER_ACCEPT')
end
observe('TCP_DEFER_ACCEPT read back', back)
l:set('TCP_DEFER_ACCEPT', 5)

phase('client connects, sends nothing', function(o)
	c = A:connect(port)
	sleep(0.1)
	look(o)
end)
phase('client sends data 0.5 s later', function(o)
	sleep(0.3)
	c:send('hello')
	sleep(0.1)
	look(o)
end)
s = l:accept(2)
s:close()
c:close()
l:close()
sleep(0.2)
port = port + 1

for _, seconds in ipairs{1, 5} do
	l = deferred(seconds)
	phase(('DEFER_ACCEPT %d: client stays silent'):format(seconds), {settle = 0}, function(o)
		local began = now()
		c = A:connect(port)
		sleep(0.05)
		local seen = #wire.packets()
		l:wait('in', 25)
		o['accept() possible after'] = round(now() - began, 1)
		look(o)
		local later = list()
		for i, p in ipairs(wire.packets()) do
			if i > seen then
				later[#later + 1] = list{round(p.t - began, 1), p.way, p:has('S.') and 18 or p:has('.') and 16 or 0}
			end
		end
		o['later packets'] = later
	end)
	c:close()
	sleep(0.2)
	l:close()
	sleep(0.1)
	port = port + 1
end

l = deferred(5)
phase('DEFER_ACCEPT 5: client acked once and vanished', {settle = 0}, function(o)
	local ghost = B:ghost(port, 9)
	ghost:syn()
	ghost:ack()
	local began = now()
	sleep(0.1)
	while now() - began < 70 and #B:sockets{port = port, state = 'SYN-RECV'} > 0 do sleep(0.2) end
	o['SYN-RECV gone after'] = round(now() - began, 1)
	look(o)
	local times, first = list(), nil
	for _, p in ipairs(wire.packets(function(p) return p.dport == ghost.port and p.way == 'b>a' end)) do
		first = first or p.t
		times[#times + 1] = round(p.t - first, 2)
	end
	o['SYN+ACK times'] = times
end)
