-- TCP_LINGER2 -1: FIN_WAIT_2 is left by a RST. TcpExtTCPAbortOnLinger if close() still waits then (SO_LINGER), else
-- TcpExtTCPAbortOnData. The document's "TcpExtTCPAbortOnLinger".

experiment{settle = 0.3}

local port = 9000

local function connected_row()
	for _, row in ipairs(B:ss{port = port}) do
		if not row:find('^LISTEN') then return row end
	end
	return ''
end

local function one(tag, linger2, so_linger, data, document)
	local l, c, s = pair(port, nil, nil, function(x)
		if so_linger then x:linger(10) end
		if linger2 then x:set('TCP_LINGER2', linger2) end
	end)
	phase(tag, {document = document}, function(o)
		if data then c:send(data) end
		local began = now()
		c:close()
		o['close() took'] = round(now() - began, 3)
		sleep(0.2)
		o['client ss'] = table.concat(A:ss{peer_port = port})
		o['server ss'] = connected_row()
		o['server recv'] = repr(s:recv(100, 0.3))
	end)
	s:close()
	l:close()
	port = port + 1
end

one('LINGER2=-1 SO_LINGER(1,10) (document)', -1, true, nil, {A = {TcpExtTCPAbortOnLinger = 1}})
one('LINGER2=-1 only', -1, false)
one('LINGER2=-1 with data sent', -1, false, 'hello')
one('LINGER2=-1 SO_LINGER(1,10), data sent', -1, true, 'hello')
one('LINGER2=5', 5, false)
one('default', nil, false)
one('SO_LINGER(1,10) only', nil, true)
