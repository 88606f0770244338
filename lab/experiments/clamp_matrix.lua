-- Which limit clamps the SYN queue: 200 raw SYNs that nobody answers, for ten settings of listen() and three sysctls.
-- What they count tells which: TCPReqQFullDrop, ListenDrops alone, or cookies.  The document column is the backlog notes'
-- "backlog+1, rounded up to a power of two", and that they saw no counter move.

experiment{settle = 0.1}

local port, ghosts = 9000, 0

-- listen()'s argument, net.core.somaxconn, tcp_max_syn_backlog, tcp_syncookies; what the backlog notes say is held
for _, row in ipairs{
	{4, 4096, 2048, 1},
	{4, 4096, 2048, 0, 8},
	{4, 4096, 2048, 2},
	{100, 4096, 16, 1},
	{100, 4096, 16, 0, 16},
	{100, 4096, 64, 0, 64},
	{1000, 4096, 64, 0, 64},
	{100, 32, 2048, 1},
	{100, 32, 2048, 0, 64},
	{0, 4096, 2048, 0, 1},
} do
	local backlog, somaxconn, max_syn, cookies, notes = table.unpack(row)
	B:sysctl('net.core.somaxconn', somaxconn)
	B:sysctl('net.ipv4.tcp_max_syn_backlog', max_syn)
	B:sysctl('net.ipv4.tcp_syncookies', cookies)
	local l = B:listen(port, backlog)
	local name = ('listen(%d), somaxconn %d, tcp_max_syn_backlog %d, tcp_syncookies %d'):format(table.unpack(row, 1, 4))
	local says = notes and {B = {TcpOutSegs = notes, TcpExtListenDrops = 0, TcpExtTCPReqQFullDrop = 0}}
	phase(name, {document = says}, function(o)
		for _ = 1, 200 do
			ghosts = ghosts + 1
			B:ghost(port, ghosts):syn()
		end
		sleep(0.1)
		o['SYN-RECV held'] = #B:sockets{port = port, state = 'SYN-RECV'}
		observe_all(o, B:queue(port))
		o['skmem'] = B:skmem(port)
	end)
	l:close()
	port = port + 1
end
