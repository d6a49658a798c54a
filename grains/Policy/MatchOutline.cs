namespace JitGrains.Policy;

/// <summary>What is known of a call before its body is read.</summary>
/// <param name="Api">Its API, or null where there is none: nothing needs reading then.</param>
/// <param name="NeedsBody">Whether the body may change which action it is or what is decided, so it must be read first.</param>
/// <param name="BodyLimit">The largest body to read for that, in bytes: the most that an action in question takes.</param>
/// <param name="Match">What the call is, where the body cannot change it; otherwise null.</param>
public readonly record struct MatchOutline(ApiDefinition? Api, bool NeedsBody, long BodyLimit, ActionMatch? Match)
{
    internal static MatchOutline NoApi => new(null, NeedsBody: false, BodyLimit: 0, Match: null);
}
