namespace JitGrains.Gateway.Forwarding;

/// <summary>
/// The last word before a call's first upstream byte, and the guard that it is said once. SocketsHttpHandler asks for
/// the encoding of every header while it writes a request's head into its buffer: after the connection is there,
/// before anything is sent, and anew for each attempt of its own. So the first time is the moment to check that the
/// execution may still start; and when a counted execution's first header comes by a second time, the stack is about
/// to send the request again (as it does where a connection dies early) and is stopped. Tests pin both.
/// </summary>
/// <param name="once">Whether the execution is counted.</param>
/// <param name="mayStart">The last check: null, or why not.</param>
/// <param name="sent">Called when its first byte is with the upstream.</param>
/// <param name="isRepeatable">Whether the stack may send it again: not where its method is not idempotent (RFC 9110 section 9.2.2).</param>
internal sealed class ExecutionGate(bool once, Func<string?>? mayStart, Action? sent = null, bool isRepeatable = true)
{
    /// <summary>The gate of the request that is being sent in this flow; see <see cref="SentStream"/>.</summary>
    internal static readonly AsyncLocal<ExecutionGate?> Current = new();

    internal static readonly HttpRequestOptionsKey<ExecutionGate> Key = new("jitgrains.gate");

    /// <summary>The stack would send a request four times where connections die early: four times the calls for an upstream that fails.</summary>
    private const int MostRepeats = 1;

    private string? firstHeader;
    private int repeats;
    private int started;
    private int isSent;

    /// <summary>Whether this execution is counted, and therefore sent once at most.</summary>
    public bool Once => once;

    /// <summary>Whether the first byte was let through: the execution has started.</summary>
    public bool Started => Volatile.Read(ref started) != 0;

    /// <summary>Why it was not let through, as one of the outcome's fixed words; null where it was.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Bytes of the request are with the upstream, or it has answered. May be called more than once.</summary>
    public void Sent()
    {
        if (Started && Interlocked.Exchange(ref isSent, 1) == 0)
            sent?.Invoke();
    }

    /// <summary>The call is about to be sent to another upstream.</summary>
    public void Again() => repeats = firstHeader is null ? 0 : -1;

    /// <summary>The last check, for who asks for it right before the first byte; throws where the execution may not start.</summary>
    public void Open() => Check();

    /// <summary>Whether a call that may not have arrived may be sent once more, and that it will be.</summary>
    public bool MayRepeat() => !once && isRepeatable && Interlocked.Increment(ref repeats) <= MostRepeats;

    /// <summary>Called for each header of each attempt.</summary>
    public void OnHeader(string name)
    {
        if (firstHeader is null)
        {
            firstHeader = name;
            Check();
        }
        else if (ReferenceEquals(firstHeader, name))
        {
            if (once || !isRepeatable || Interlocked.Increment(ref repeats) > MostRepeats)
                throw new ExecutionRefusedException("resend");
            // Another attempt starts anew: what let the first one through may be over.
            Check();
        }
    }

    private void Check()
    {
        Volatile.Write(ref isSent, 0);
        Refusal = mayStart?.Invoke();
        if (Refusal is not null)
            throw new ExecutionRefusedException(Refusal);
        Volatile.Write(ref started, 1);
    }
}

/// <summary>Stops an attempt before its first byte.</summary>
internal sealed class ExecutionRefusedException(string because) : Exception("The execution may not start: " + because)
{
    public string Because => because;
}
