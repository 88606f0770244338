-- close() that resets: SO_LINGER {1, 0}, data for a connection whose program has gone. TcpExtTCPAbortOnData, and what is not.
-- The document's "TcpExtTCPAbortOnData".

experiment{settle = 0.3}

local port = 9000

local function lingering(seconds)
	return function(s) s:linger(seconds) end
end

-- What is left of the client's connection
local function left()
	return table.concat(A:ss{peer_port = port}, ' ')
end

local function opened(setup)
	return pair(port, nil, nil, setup)
end

local function over(l, s)
	B:drop_clear()
	s:close()
	l:close()
	port = port + 1
end

local l, c, s = opened(lingering(0))
phase('(1,0) idle', {document = {A = {TcpExtTCPAbortOnData = 1}}}, function(o)
	c:close()
	sleep(0.05)
	o['server recv'] = repr(s:recv(10, 0.3))
	o['client ss'] = left()
end)
over(l, s)

l, c, s = opened(lingering(0))
B:rule(('INPUT -p tcp --dport %d --tcp-flags RST NONE -j DROP'):format(port))
phase('(1,0) with 100 bytes in flight, receiver deaf', {settle = 0.1}, function(o)
	c:send(('x'):rep(100))
	sleep(0.05)
	c:close()
	sleep(0.05)
	o['client ss'] = left()
end)
over(l, s)

l, c, s = opened(lingering(0))
s:send('unread')
sleep(0.1)
phase('(1,0) with unread received data', function(o)
	c:close()
	sleep(0.05)
	o['client ss'] = left()
end)
over(l, s)

l, c, s = opened()
phase('normal close()', function() c:close() end)
phase('peer sends data to the closed (FIN_WAIT2 bucket) end', function(o)
	s:send('late data')
	sleep(0.1)
	o['client ss'] = left()
	o['server 2nd send'] = repr(s:send('more'))
end)
over(l, s)

l, c, s = opened()
B:drop{dport = port}
phase('orphan in FIN_WAIT1 receives data', {settle = 0.02}, function(o)
	c:close()
	sleep(0.02)
	s:send('late data')
	sleep(0.03)
	o['client ss after'] = left()
end)
over(l, s)

l, c, s = opened(lingering(1))
B:drop{dport = port}
phase('(1,1) in flight, receiver deaf: close() waits', {settle = 0.1}, function(o)
	c:send(('x'):rep(100))
	local began = now()
	c:close()
	o['close() took'] = round(now() - began, 2)
	o['client ss'] = left()
end)
over(l, s)
