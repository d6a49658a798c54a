namespace JitGrains.Gateway.RequestPath;

/// <summary>Headers that the gateway speaks itself; nobody else's pass, in either direction (<see cref="Http.ForwardedHeaders"/>).</summary>
internal static class OwnHeaders
{
    public const string Request = "Jit-Request";
    public const string Reason = "Jit-Reason";
    public const string Ticket = "Jit-Ticket";
    public const string Decision = "Jit-Decision";
    public const string ProxyStatus = "Proxy-Status";
}
