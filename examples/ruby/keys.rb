# frozen_string_literal: true

# Fetches public keys and keeps them, in memory. An address is asked again when a signature does not
# fit its key: a server that was set up anew has another one there.

require 'net/http'
require 'timeout'

class PublicKeys
  # For all of connecting, asking and reading: the storage server waits five seconds for our
  # answer.
  FETCH_SECONDS = 2
  MAX_KEY_BYTES = 16 * 1024
  FAILURE_KEPT_SECONDS = 3
  # A stranger may name as many addresses as he likes below an allowed one.
  MAX_ENTRIES = 64
  # At once, from one host: one that does not answer must not hold up another.
  MAX_FETCHES = 8
  # Forgeries lead there, too.
  RENEW_SECONDS = 60

  Entry = Struct.new(:lock, :pem, :asked_at, :failed_at)

  def initialize
    @lock = Mutex.new
    @entries = {}
    @fetches = Hash.new(0)
  end

  # The key, or nil if it cannot be had. Requests that need the same key wait for one fetch.
  def [](url)
    entry = @lock.synchronize { entry(url) }
    entry.lock.synchronize do
      unless entry.pem || failed_lately?(entry)
        entry.pem = fetch_within_bounds(url) { return }
        entry.asked_at = now
        entry.failed_at = now unless entry.pem
      end
      entry.pem
    end
  end

  # The key that lies there now, if it is another than `stale`: asked for once a minute at most, and
  # without an answer the old one stays.
  def renewed(url, stale)
    entry = @lock.synchronize { @entries[url] }
    return unless entry

    entry.lock.synchronize do
      if entry.pem == stale && now - entry.asked_at >= RENEW_SECONDS
        entry.asked_at = now
        entry.pem = fetch_within_bounds(url) { return } || stale
      end
      entry.pem unless entry.pem == stale
    end
  end

  private

  def entry(url)
    if @entries.size >= MAX_ENTRIES && !@entries.key?(url)
      oldest, = @entries.find { |_, entry| entry.pem.nil? && !entry.lock.locked? } || @entries.first
      @entries.delete(oldest)
    end
    @entries[url] ||= Entry.new(Mutex.new)
  end

  # The key or nil; or what the block does, if there are too many fetches from that host already.
  def fetch_within_bounds(url)
    host = url.split('/')[2]
    return yield unless @lock.synchronize { @fetches[host] < MAX_FETCHES && @fetches[host] += 1 }

    begin
      fetch(URI(url))
    ensure
      @lock.synchronize { @fetches[host] -= 1 }
    end
  end

  def failed_lately?(entry)
    entry.failed_at && now - entry.failed_at < FAILURE_KEPT_SECONDS
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  # Net::HTTP follows no redirects. Timeout, as its own limits are for each read. `nil` for the
  # proxy, which it would take from the environment; `identity`, as it would else ask for gzip, and
  # a small answer could become a large one.
  def fetch(uri)
    Timeout.timeout(FETCH_SECONDS) do
      options = { use_ssl: uri.scheme == 'https', max_retries: 0 }
      Net::HTTP.start(uri.hostname, uri.port, nil, options) do |http|
        http.request_get(uri.request_uri, 'accept-encoding' => 'identity') do |answer|
          return answer.code == '200' ? read_key(answer) : nil
        end
      end
    end
  rescue Timeout::Error, SystemCallError, SocketError, IOError, OpenSSL::SSL::SSLError,
         Net::ProtocolError, Net::HTTPBadResponse, URI::Error
    nil
  end

  def read_key(answer)
    key = +''
    answer.read_body do |piece|
      key << piece
      return nil if key.bytesize > MAX_KEY_BYTES
    end
    # Net::HTTP does not mind a body that was cut off.
    is_whole = [nil, key.bytesize].include?(answer.content_length)
    key if is_whole && key.start_with?('-----BEGIN PUBLIC KEY-----')
  end
end
