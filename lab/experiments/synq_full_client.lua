-- The SYN queue is full and tcp_syncookies 0: a real client's SYN gets no answer until half-open requests have died.
-- The backlog notes' "Cola syn-recv llena".

experiment{settle = 0.1, limit = 60}
B:sysctl('net.ipv4.tcp_syncookies', 0)
B:sysctl('net.ipv4.tcp_synack_retries', 1)

B:listen(9000, 2)
local client

local function states()
	local out = list()
	for _, r in ipairs(B:sockets{port = 9000}) do out[#out + 1] = r.state end
	table.sort(out)
	return out
end

phase('3 SYNs fill the SYN queue of backlog 2', function(o)
	for i = 0, 2 do B:ghost(9000, i):syn() end
	sleep(0.1)
	o['ss'] = states()
end)

-- The notes: "the server does not answer (I see no counter move in nstat)".
phase('real client connects', {settle = 0, document = {B = {TcpExtListenDrops = 0, TcpExtTCPReqQFullDrop = 0}}}, function(o)
	client = A:connect_start(9000)
	sleep(0.4)
	o['connected'] = client:ready('out')
	o['ss'] = states()
	o['listener'] = B:skmem(9000)
end)

phase('duplicate SYN of a queued entry', function()
	B:ghost(9000, 0):syn()
end)

phase('until the entries expire (synack_retries 1) and the client gets in', {settle = 0}, function(o)
	local began = now()
	client:wait('out', 15)
	o['connected after'] = round(now() - began)
	sleep(0.1)
	o['ss'] = states()
end)
