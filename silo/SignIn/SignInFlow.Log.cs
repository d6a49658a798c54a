using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.SignIn;

internal sealed partial class SignInFlow
{
    [LoggerMessage(2950, LogLevel.Warning, "A sign-in at the provider of realm {Realm} came to nothing: {Why}")]
    private static partial void LogRefused(ILogger logger, string realm, string why);
}
