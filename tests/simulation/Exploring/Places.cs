namespace JitGrains.Simulation.Exploring;

/// <summary>
/// Where in a world's text what stands: a world is a text of so many characters, each a small number, so that equal worlds
/// are equal texts.
/// </summary>
internal static class Places
{
    public const int Time = 0, Request = 1, Principal = 2, Directory = 3, FromPrincipal = 4, FromRequest = 5, Repeats = 6, Bytes = 7, Decisions = 8;

    /// <summary>The revoker: how far it is, and of each incarnation what it knows.</summary>
    public const int Revoker = 9, Listed = 10, CondemnedAt = 14, Answered = 18;

    /// <summary>The leases of the four incarnations: two for each gateway.</summary>
    public const int Leases = 22;

    private const int FirstGateway = 26, GatewayLength = 12;

    public const int Length = FirstGateway + (2 * GatewayLength);

    // Of each gateway.
    public const int Phase = 0, Run = 1, SentAt = 2, Renewal = 3, View = 4, Has = 5, Execution = 6, Mail = 7, Told = 8, ToldAs = 9, Former = 10, Crashes = 11;

    /// <summary>A lease holds for two steps of time. All clocks are one here, so whoever waits one out waits for no longer than that.</summary>
    public const int Lease = 2;

    /// <summary>Steps of time that there are: a grant ends before the last of them.</summary>
    public const int Longest = 4;

    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static DateTimeOffset At(int time) => Start.AddSeconds(time);

    public static int Of(int gateway, int what) => FirstGateway + (gateway * GatewayLength) + what;

    /// <summary>The number of a gateway's present incarnation, from 0.</summary>
    public static int Incarnation(char[] world, int gateway) => (gateway * 2) + world[Of(gateway, Run)] - 1;

    public static string NameOf(int incarnation) => $"gw_{incarnation}";
}

/// <summary>How far a gateway is.</summary>
internal static class Registered
{
    public const char No = '\0', Listed = '\u0001', Open = '\u0002', Counts = '\u0003';
}

/// <summary>A gateway's view of the caller's grants.</summary>
internal static class Views
{
    public const char None = '\0', Reading = '\u0001', ReadingDropped = '\u0002', There = '\u0003';
}

/// <summary>A gateway's one execution.</summary>
internal static class Runs
{
    public const char None = '\0', Registered = '\u0001', Answered = '\u0002', Passed = '\u0003', Sent = '\u0004', Over = '\u0005';
}

/// <summary>Deliberate bugs, which the exploration has to find.</summary>
internal enum Bug
{
    None,
    UsesAreNotCounted,
    OnePersonTwice,
    RevokedGrantComesBack,
    CondemnedLeaseIsRenewed,
    RevokerDoesNotWait,
    CondemnWithoutWaiting,
    ListBeforeCommit,
    OpenBeforeListed,
    KeepTheView,
    ReadInFlightIsKept,
    DoNotEndWhatIsRegistered,
    AcknowledgeBeforeDraining,
    NoLookAtTheLease,
    LeaseFromTheAnswer,
    KeepViewsAtRegistration,
    NoLookAtTheExpiry,
    CloseBeforeDraining,
}
